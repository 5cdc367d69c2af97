package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// remotePlant is one or more simulators in other processes, reached over their
// control plane.
type remotePlant struct {
	http *http.Client
	urls []string
	info []vendorsim.Info
	time *vendorsim.Clock
	// patience is how long a simulator may be away: one that is restarted comes
	// back.
	patience time.Duration
}

// joinPlant finds the vendors at the URLs. The simulators' clocks are the
// campaign's: they are set going at its speed, together.
func joinPlant(ctx context.Context, urls []string) (plant, error) {
	p := &remotePlant{
		http: &http.Client{Timeout: 30 * time.Second}, time: vendorsim.NewClock(theDay(), scale), patience: 2 * time.Second,
	}
	for _, u := range urls {
		u = strings.TrimRight(strings.TrimSpace(u), "/")
		var info vendorsim.Info
		if err := p.call(ctx, http.MethodGet, u+"/_sim/info", nil, &info); err != nil {
			return nil, fmt.Errorf("-vendors %s: no simulator answers there; start one with: go run ./vendors/vendorsim/cmd/vendorsim (%w)", u, err)
		}
		p.urls, p.info = append(p.urls, u), append(p.info, info)
	}
	p.patience = 15 * time.Second
	return p, p.follow(ctx)
}

// follow goes on with a simulator's clock that an earlier run set going, or
// another one is moving, and sets going those that were started anew.
func (p *remotePlant) follow(ctx context.Context) error {
	for _, u := range p.urls {
		var c vendorsim.ClockInfo
		if err := p.call(ctx, http.MethodGet, u+"/_sim/clock", nil, &c); err != nil {
			return err
		}
		ahead := c.Now.Sub(p.time.Now())
		switch {
		case c.Scale == scale && ahead > 0:
			p.time.Advance(ahead)
		case c.Scale != scale || ahead < -time.Minute: // half a second of ours
			if err := p.setClock(ctx, u); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *remotePlant) setClock(ctx context.Context, url string) error {
	return p.call(ctx, http.MethodPost, url+"/_sim/clock", map[string]any{"now": p.time.Now(), "scale": scale}, nil)
}

func (p *remotePlant) adapters() ([]vendors.Adapter, error) {
	var out []vendors.Adapter
	for _, info := range p.info {
		for _, v := range info.Vendors {
			if v.API == "postgrid" {
				// It takes neither keys nor unique references: what is unknown at
				// the end of a campaign waits for a control piece that never comes.
				continue
			}
			a, err := adapterFor(v, p.time)
			if err != nil {
				return nil, err
			}
			out = append(out, a)
		}
	}
	return out, nil
}

func (p *remotePlant) clock() postproof.Clock { return p.time }

func (p *remotePlant) advance(ctx context.Context, d time.Duration) error {
	p.time.Advance(d)
	for _, u := range p.urls {
		if err := p.setClock(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

func (p *remotePlant) setOutage(ctx context.Context, vendor, kind string, on bool) error {
	for i, info := range p.info {
		for _, v := range info.Vendors {
			if v.Name == vendor {
				return p.call(ctx, http.MethodPost, p.urls[i]+"/_sim/outage", map[string]any{"vendor": vendor, "kind": kind, "on": on}, nil)
			}
		}
	}
	return fmt.Errorf("no simulator has a vendor %s", vendor)
}

func (p *remotePlant) prints(ctx context.Context) (io.Reader, error) {
	var all bytes.Buffer
	for _, u := range p.urls {
		if err := p.call(ctx, http.MethodGet, u+"/_sim/prints", nil, &all); err != nil {
			return nil, err
		}
	}
	return &all, nil
}

func (p *remotePlant) stats(ctx context.Context) (vendorsim.Stats, error) {
	out := vendorsim.Stats{Vendors: map[string]vendorsim.VendorStats{}}
	for _, u := range p.urls {
		var s vendorsim.Stats
		if err := p.call(ctx, http.MethodGet, u+"/_sim/stats", nil, &s); err != nil {
			return out, err
		}
		maps.Copy(out.Vendors, s.Vendors)
	}
	return out, nil
}

func (p *remotePlant) close() error {
	p.http.CloseIdleConnections()
	return nil
}

// call makes a request to a control plane, as long as patience lasts.
func (p *remotePlant) call(ctx context.Context, method, url string, in, out any) error {
	for began := time.Now(); ; {
		err := p.once(ctx, method, url, in, out)
		if err == nil || ctx.Err() != nil || time.Since(began) > p.patience {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// once makes one request.
func (p *remotePlant) once(ctx context.Context, method, url string, in, out any) (err error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, url, resp.Status)
	}
	switch out := out.(type) {
	case nil:
		return nil
	case *bytes.Buffer:
		b, err := io.ReadAll(resp.Body)
		if err == nil { // a repeated call must not add to a torn answer
			_, err = out.Write(b)
		}
		return err
	default:
		return json.NewDecoder(resp.Body).Decode(out)
	}
}
