package vendortest

import (
	"math/bits"
	"slices"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// less is what a job can do without, one bit each: not every vendor prints it, and an
// adapter whose vendor does not refuses it (CodeUnsupported) rather than leave it out.
func less() []func(j *postproof.Job) {
	letter := func(change func(l *postproof.Letter)) func(j *postproof.Job) {
		return func(j *postproof.Job) {
			if l, ok := j.Piece.(postproof.Letter); ok {
				change(&l)
				j.Piece = l
			}
		}
	}
	return []func(j *postproof.Job){
		func(j *postproof.Job) { j.From = postproof.Address{} },
		func(j *postproof.Job) { j.To.Company, j.From.Company = "", "" },
		func(j *postproof.Job) { j.To.Line2, j.From.Line2 = "", "" },
		letter(func(l *postproof.Letter) { l.Color = false }),
		letter(func(l *postproof.Letter) { l.DoubleSided = false }),
		letter(func(l *postproof.Letter) { l.AddressPage = true }),
	}
}

// fitting is what becomes of a job for the adapter to take it.
type fitting struct {
	less    int    // a set of what is left out
	country string // where it goes instead; empty where it goes anyway
}

func (f fitting) of(j postproof.Job) postproof.Job {
	for i, change := range less() {
		if f.less&(1<<i) != 0 {
			change(&j)
		}
	}
	if f.country != "" {
		j.To = place(j.To, f.country)
	}
	return j
}

// fit leaves out of each job as little as the adapter insists on, the same in every
// harness of a check.
func (b *bench) fit(a vendors.Adapter, all []postproof.Job, store blobs) []postproof.Job {
	if b.fittings == nil {
		b.fittings = make([]fitting, len(all))
		for i, j := range all {
			b.fittings[i] = b.fitting(a, j, store)
		}
	}
	for i := range min(len(all), len(b.fittings)) {
		all[i] = b.fittings[i].of(all[i])
	}
	return all
}

// fitting is the smallest change with which the adapter takes the job; none when it
// takes it in no way. A class or a size may go with another country only.
func (b *bench) fitting(a vendors.Adapter, j postproof.Job, store blobs) fitting {
	take := func(f fitting) error {
		_, err := a.Encode(b.ctx, submission(f.of(j), 0, store))
		return b.see(err)
	}
	if err := take(fitting{}); postproof.CodeOf(err) != postproof.CodeUnsupported {
		return fitting{}
	}
	var tries []fitting
	for set := 1; set < 1<<len(less()); set++ {
		tries = append(tries, fitting{less: set})
	}
	slices.SortStableFunc(tries, func(x, y fitting) int { return bits.OnesCount(uint(x.less)) - bits.OnesCount(uint(y.less)) })
	declared := a.Capabilities().Countries
	for _, country := range append([]string{"GB", "CA", "DE"}, declared...) { // a simulator knows these first
		if slices.Contains(declared, country) {
			tries = append(tries, fitting{country: country})
		}
	}
	for _, f := range tries {
		if take(f) == nil {
			return f
		}
	}
	return fitting{}
}

// home is where the suite's mail goes: the US where the vendor mails there.
func home(c *postproof.Capabilities) string {
	if len(c.Countries) == 0 || slices.Contains(c.Countries, "US") {
		return "US"
	}
	return c.Countries[0]
}

// place puts an address of the US into another country.
func place(a postproof.Address, country string) postproof.Address {
	if country == "US" || a.IsZero() {
		return a
	}
	a.Country, a.Region, a.PostalCode = country, "", codes(country)[0]
	if country == "CA" {
		a.Region = "ON"
	}
	return a
}

// codes are two postal codes in the form of the country.
func codes(country string) [2]string {
	switch country {
	case "US":
		return [2]string{"94107", "94601"}
	case "CA":
		return [2]string{"K1A 0B1", "M5V 2T6"}
	case "GB":
		return [2]string{"SW1A 2AA", "EC1A 1BB"}
	case "AU", "AT", "BE", "CH", "DK", "HU", "LU", "NO", "NZ", "ZA":
		return [2]string{"2600", "3000"}
	}
	return [2]string{"10117", "20095"}
}
