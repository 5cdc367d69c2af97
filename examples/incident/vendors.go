package main

import (
	"fmt"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// adapters returns the vendors in the order of failover.
func (in *incident) adapters() ([]vendors.Adapter, error) {
	first, err := live(in.plant, lob.Name)
	if err != nil {
		return nil, err
	}
	l, err := lob.New(first.Key, lob.WithBaseURL(in.plant.URL+"/lob/v1"), lob.WithUseType(lob.Operational))
	if err != nil {
		return nil, err
	}
	second, err := live(in.plant, pcm.Name)
	if err != nil {
		return nil, err
	}
	p, err := pcm.New(second.Key, second.Secret, second.Mode, pcm.WithBaseURL(in.plant.URL+"/pcm"), pcm.WithClock(in.clock))
	if err != nil {
		return nil, err
	}
	return []vendors.Adapter{l, p}, nil
}

// live returns the live credentials of a simulated vendor.
func live(plant *vendorsim.Server, vendor string) (vendorsim.Credential, error) {
	for _, c := range plant.Credentials(vendor) {
		if c.Mode == postproof.ModeLive {
			return c, nil
		}
	}
	return vendorsim.Credential{}, fmt.Errorf("%s has no live credentials", vendor)
}

// contacts returns a list of invented addresses, as CSV. Each is another one,
// so that every piece can be told apart in the print logs.
func contacts(n int) string {
	cities := [...]string{
		"Springfield,IL,62701", "Columbus,OH,43215", "Austin,TX,78701", "Denver,CO,80202", "Portland,OR,97204", "Albany,NY,12207",
	}
	var list strings.Builder
	list.WriteString("contact_id,address_line1,address_line2,city,state,postal_code\n")
	for i := range n {
		fmt.Fprintf(&list, "c%05d,%d Example Street,,%s\n", i+1, 100+i, cities[i%len(cities)])
	}
	return list.String()
}
