package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// vendor is a simulated vendor and the way to it.
type vendor struct {
	w       *world
	name    string
	api     string
	network *network
	// accounts are the credentials that processes have, those that come later last.
	accounts []credentials

	mu    sync.Mutex
	asked map[string]int // look-ups by reference
}

// apiOf returns the API that a vendor of that name speaks: "plain" and "mute"
// are Lob without keys, and "mute" cannot be asked for a reference, too.
func apiOf(name string) string {
	if name == "pcm" {
		return "pcm"
	}
	return "lob"
}

// openVendors starts the world's vendors, each behind its own network.
func (w *world) openVendors() error {
	cfg := vendorsim.Config{
		PrintWriter: w.oracle, Seed: w.seed, Faults: w.profile.plan,
		Lob: vendorsim.LobConfig{TestTracking: true, RateLimit: -1},
	}
	for _, name := range w.profile.vendors {
		cfg.Vendors = append(cfg.Vendors, vendorsim.Vendor{Name: name, API: apiOf(name)})
		if r := w.profile.rotation; r != nil && r.kind == rotateWrong {
			cfg.Vendors = append(cfg.Vendors, vendorsim.Vendor{Name: name + otherSuffix, API: apiOf(name)})
		}
	}
	var err error
	if w.sim, err = vendorsim.New(cfg); err != nil {
		return err
	}
	for i, name := range w.profile.vendors {
		v := &vendor{w: w, name: name, api: apiOf(name), asked: map[string]int{}}
		if err := v.openAccounts(i == 0); err != nil {
			return err
		}
		v.network = newNetwork(w, name, v)
		w.vendors = append(w.vendors, v)
	}
	return nil
}

// liveKey returns the credentials of mode live that a simulated vendor knows.
func (w *world) liveKey(simulated string) (live vendorsim.Credential) {
	for _, c := range w.sim.Credentials(simulated) {
		if c.Mode == postproof.ModeLive {
			live = c
		}
	}
	return live
}

// ServeHTTP implements [http.Handler]: the vendor, whose index lies once for
// some references.
func (v *vendor) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if ref := r.Header.Get(refField); r.Header.Get(opField) == "find" && ref != "" && v.lies(ref) {
		v.w.struck("list.lies_once")
		v.w.note(ref, v.name+": a look-up finds nothing although it should")
		r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, ref, "0000000000000000")
	}
	v.w.sim.Vendor(v.admit(r)).ServeHTTP(rw, r)
}

// lies reports whether this look-up is the one that lies.
func (v *vendor) lies(ref string) bool {
	v.mu.Lock()
	v.asked[ref]++
	n := v.asked[ref]
	v.mu.Unlock()
	d := v.w.dice
	return v.w.chaoticVendors() && d.at("list.lies", ref, 1) < v.w.profile.lies && n == 1+int(4*d.at("list.lies_when", ref, 1))
}

// adapter returns the vendor's adapter for one process.
func (v *vendor) adapter(p *process) (vendors.Adapter, error) {
	which := v.has(p)
	s := shared{v: v, p: p, which: strings.Repeat("n", which)}
	bare, err := v.plainAdapter(&v.accounts[which], p.clock)
	if err != nil {
		return nil, err
	}
	if own, ok := bare.(*pcm.Adapter); ok {
		return &pcmAdapter{own, s}, nil
	}
	a, ok := bare.(*lob.Adapter)
	if !ok {
		return nil, fmt.Errorf("%s speaks an API that nobody here knows", v.name)
	}
	caps := *a.Capabilities()
	caps.Vendor, caps.Rate = v.name, postproof.Rate{}
	if v.name != "lob" {
		caps.Idempotency = postproof.Idempotency{}
		s.keyless = true
	}
	s.caps = &caps
	l := &lobAdapter{a, s}
	if v.name == "mute" {
		caps.Lookup = postproof.Lookup{}
		return struct {
			vendors.Adapter
			vendors.Getter
			vendors.Canceler
		}{l, l, l}, nil
	}
	return l, nil
}

// plainAdapter returns the vendor's adapter with credentials, as it comes; clock
// may be nil.
func (v *vendor) plainAdapter(c *credentials, clock postproof.Clock) (vendors.Adapter, error) {
	const base = "http://127.0.0.1" // every vendor has a network of its own
	r := v.w.profile.rotation
	named := r != nil && r.kind == rotateNamed
	if v.api == "pcm" {
		opts := []pcm.Option{pcm.WithBaseURL(base)}
		if clock != nil {
			opts = append(opts, pcm.WithClock(clock))
		}
		if named {
			opts = append(opts, pcm.WithAccount(v.name))
		}
		return pcm.New(c.Key, c.Secret, c.Mode, opts...)
	}
	opts := []lob.Option{lob.WithBaseURL(base + "/v1"), lob.WithUseType(lob.Marketing)}
	if named {
		opts = append(opts, lob.WithAccount(v.name))
	}
	return lob.New(c.Key, opts...)
}

// shared is what the adapters of all vendors have added.
type shared struct {
	v       *vendor
	p       *process
	caps    *postproof.Capabilities
	keyless bool
	// which credentials it has, for the vendor: one letter for each exchange.
	which string
}

// doer says what its requests are about.
type doer struct {
	vendors.Doer
	ref, op, which string
	keyless        bool
}

// Do implements [vendors.Doer].
func (d doer) Do(ctx context.Context, req *vendors.Request) (*vendors.Response, error) {
	tagged := *req
	tagged.Header = req.Header.Clone()
	if tagged.Header == nil {
		tagged.Header = http.Header{}
	}
	op := d.op
	if req.Op == postproof.OpLogin {
		op = "login"
	}
	tagged.Header[refField], tagged.Header[opField] = []string{d.ref}, []string{op}
	if d.which != "" {
		tagged.Header[keyField] = []string{d.which}
	}
	if d.keyless && req.Op == postproof.OpSubmit {
		tagged.Class = postproof.RepeatNever
		tagged.Header.Del("Idempotency-Key")
	}
	return d.Doer.Do(ctx, &tagged)
}

func (s *shared) doer(do vendors.Doer, op, ref string) vendors.Doer {
	return doer{Doer: do, ref: ref, op: op, which: s.which, keyless: s.keyless}
}

// encoded returns the body as the process encodes it: a newer version does it in
// another way.
func (s *shared) encoded(ctx context.Context, body *vendors.Body, err error) (*vendors.Body, error) {
	if err != nil || !s.p.newer {
		return body, err
	}
	open, err := body.Open(ctx)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(open)
	if err != nil {
		return nil, err
	}
	return vendors.JSONBody(body.Encoder+"+1", append(bytes.TrimSpace(content), '\n', '\n')), nil
}

// submitted tells the oracle what was asked for and what came of it.
func (s *shared) submitted(sub *vendors.Submission, body *vendors.Body, submit func() (*vendors.Order, error)) (*vendors.Order, error) {
	w := s.v.w
	w.asked(s.p.name, s.v.name, sub, body, s.keyless)
	o, err := submit()
	if err == nil && o != nil {
		w.answered(s.p.name, string(sub.Ref))
		if w.chaotic() && w.dice.next("store.away", string(sub.Ref)) < w.profile.store.away {
			w.struck("store.away_at_the_answer")
			s.p.loseLedger(time.Minute)
		}
	}
	if err != nil && !s.p.isDead() && !postproof.DeliveryOf(err).MayBeInTheMail() {
		w.refused(s.p.name, s.v.name, string(sub.Ref))
	}
	w.note(string(sub.Ref), fmt.Sprintf("%s: %s answers %s", s.p.name, s.v.name, outcome(o, err)))
	return o, err
}

func outcome(o *vendors.Order, err error) string {
	switch {
	case err != nil:
		return postproof.DeliveryOf(err).String() + " (" + postproof.CodeOf(err).String() + ")"
	case o == nil:
		return "nothing"
	case o.Dead:
		return "with a dead order"
	default:
		return "accepted, " + o.Receipt.VendorID
	}
}

// lobAdapter is Lob, or a vendor that speaks its API with less to offer.
type lobAdapter struct {
	*lob.Adapter
	shared
}

// Capabilities implements [vendors.Adapter].
func (a *lobAdapter) Capabilities() *postproof.Capabilities { return a.caps }

// Encode implements [vendors.Adapter].
func (a *lobAdapter) Encode(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
	body, err := a.Adapter.Encode(ctx, s)
	return a.encoded(ctx, body, err)
}

// Submit implements [vendors.Adapter].
func (a *lobAdapter) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	return a.submitted(s, body, func() (*vendors.Order, error) {
		return a.Adapter.Submit(ctx, a.doer(do, "submit", string(s.Ref)), s, body)
	})
}

// Find implements [vendors.Finder].
func (a *lobAdapter) Find(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	return a.Adapter.Find(ctx, a.doer(do, "find", string(ref)), ref)
}

// Get implements [vendors.Getter].
func (a *lobAdapter) Get(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
	return a.Adapter.Get(ctx, a.doer(do, "get", id), id)
}

// Cancel implements [vendors.Canceler].
func (a *lobAdapter) Cancel(ctx context.Context, do vendors.Doer, id string) error {
	return a.Adapter.Cancel(ctx, a.doer(do, "cancel", id), id)
}

// pcmAdapter is PCM.
type pcmAdapter struct {
	*pcm.Adapter
	shared
}

// Encode implements [vendors.Adapter].
func (a *pcmAdapter) Encode(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
	body, err := a.Adapter.Encode(ctx, s)
	return a.encoded(ctx, body, err)
}

// Submit implements [vendors.Adapter].
func (a *pcmAdapter) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	return a.submitted(s, body, func() (*vendors.Order, error) {
		return a.Adapter.Submit(ctx, a.doer(do, "submit", string(s.Ref)), s, body)
	})
}

// Find implements [vendors.Finder].
func (a *pcmAdapter) Find(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	return a.Adapter.Find(ctx, a.doer(do, "find", string(ref)), ref)
}

// Get implements [vendors.Getter].
func (a *pcmAdapter) Get(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
	return a.Adapter.Get(ctx, a.doer(do, "get", id), id)
}

// Cancel implements [vendors.Canceler].
func (a *pcmAdapter) Cancel(ctx context.Context, do vendors.Doer, id string) error {
	return a.Adapter.Cancel(ctx, a.doer(do, "cancel", id), id)
}
