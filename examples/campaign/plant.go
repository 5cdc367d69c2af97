package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// plant is where the mail is printed: simulators in this process, or in
// another.
type plant interface { //nolint:interfacebloat // two implementations, both here
	adapters() ([]vendors.Adapter, error)
	clock() postproof.Clock
	advance(ctx context.Context, d time.Duration) error
	// follow keeps the campaign's clock and the vendors' together.
	follow(ctx context.Context) error
	setOutage(ctx context.Context, vendor, kind string, on bool) error
	prints(ctx context.Context) (io.Reader, error)
	stats(ctx context.Context) (vendorsim.Stats, error)
	close() error
}

// localPlant is a simulator in this process, behind real HTTP. Its state is on
// disk, so that a killed campaign finds the vendors as it left them.
type localPlant struct {
	sim    *vendorsim.Sim
	server *http.Server
	url    string
	time   *vendorsim.Clock
	anchor string
}

func startPlant(f flags) (plant, error) {
	p := &localPlant{anchor: filepath.Join(f.dir, "clock.json")}
	if err := p.startClock(); err != nil {
		return nil, err
	}
	plan := vendorsim.NoFaults()
	if f.faults == "chaos" {
		plan = vendorsim.ChaosPlan()
	}
	var err error
	p.sim, err = vendorsim.New(vendorsim.Config{
		Dir: filepath.Join(f.dir, "vendors"), Clock: p.time, Seed: f.seed, Faults: plan, Lob: vendorsim.LobConfig{TestTracking: true},
	})
	if errors.Is(err, syscall.EAGAIN) { // what a taken lock is
		err = fmt.Errorf("another campaign is at work in %s: wait for its end, or name another -dir (%w)", f.dir, err)
	}
	if err != nil {
		return nil, err
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	if err != nil {
		return nil, errors.Join(err, p.sim.Close())
	}
	p.url = "http://" + lis.Addr().String()
	p.server = &http.Server{Handler: p.sim.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(lis) }()
	return p, nil
}

// startClock goes on with the clock of an earlier run, or starts the day.
func (p *localPlant) startClock() error {
	b, err := os.ReadFile(p.anchor)
	if err == nil {
		var a vendorsim.Anchor
		if err := json.Unmarshal(b, &a); err != nil {
			return fmt.Errorf("%s does not hold the clock of an earlier run (%w): put it back, or name another -dir", p.anchor, err)
		}
		p.time = vendorsim.NewClockAt(a)
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	p.time = vendorsim.NewClock(theDay(), scale)
	if err := p.saveClock(p.time.Anchor()); err != nil {
		return fmt.Errorf("-dir: it cannot be written: %w", err)
	}
	return nil
}

func (p *localPlant) saveClock(a vendorsim.Anchor) error {
	b, err := json.Marshal(a)
	if err != nil {
		return err
	}
	tmp := fmt.Sprintf("%s.%d.new", p.anchor, os.Getpid())
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, p.anchor)
}

func (p *localPlant) adapters() ([]vendors.Adapter, error) {
	var out []vendors.Adapter
	for _, name := range []string{"lob", "pcm"} { // the order of failover
		a, err := adapterFor(vendorsim.VendorInfo{Name: name, API: name, URL: p.url + "/" + name, Credentials: p.sim.Credentials(name)}, p.time)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func (p *localPlant) clock() postproof.Clock { return p.time }

// advance saves the clock before it is moved: after a kill in between, the
// vendors' time must not run back, or they would forget keys too early.
func (p *localPlant) advance(_ context.Context, d time.Duration) error {
	a := p.time.Anchor()
	a.Now = a.Now.Add(d)
	if err := p.saveClock(a); err != nil {
		return err
	}
	p.time.Advance(d)
	return nil
}

func (p *localPlant) follow(context.Context) error { return nil } // there is one clock

func (p *localPlant) setOutage(_ context.Context, vendor, kind string, on bool) error {
	return p.sim.SetOutage(vendor, vendorsim.Outage(kind), on)
}

func (p *localPlant) prints(context.Context) (io.Reader, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	for _, line := range p.sim.Prints() {
		if err := enc.Encode(line); err != nil {
			return nil, err
		}
	}
	return &buf, nil
}

func (p *localPlant) stats(context.Context) (vendorsim.Stats, error) { return p.sim.Stats(), nil }

func (p *localPlant) close() error { return errors.Join(p.server.Close(), p.sim.Close()) }

// adapterFor returns the adapter for a simulated vendor, with its live
// credentials.
func adapterFor(v vendorsim.VendorInfo, clock postproof.Clock) (vendors.Adapter, error) {
	for _, c := range v.Credentials {
		switch {
		case c.Mode != postproof.ModeLive:
		case v.API == "lob":
			return lob.New(c.Key, lob.WithBaseURL(v.URL+"/v1"), lob.WithUseType(lob.Marketing))
		case v.API == "pcm":
			return pcm.New(c.Key, c.Secret, c.Mode, pcm.WithBaseURL(v.URL), pcm.WithClock(clock))
		}
	}
	return nil, fmt.Errorf("vendor %s: no live credentials for the API %q", v.Name, v.API)
}
