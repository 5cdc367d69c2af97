package vendortest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func checkCapabilities(b *bench) {
	r := b.setup()
	c := r.caps()
	_, canFind := r.Adapter.(vendors.Finder)
	_, canCancel := r.Adapter.(vendors.Canceler)
	id := c.Idempotency
	_, zoneErr := c.Cancel.Location()
	kinds := []postproof.IdempotencyKind{postproof.IdempotencyNone, postproof.IdempotencyKey, postproof.IdempotencyRef}
	replays := []postproof.ReplayForm{postproof.ReplaySameBody, postproof.ReplayConflict, postproof.ReplayConflictObject}
	for problem, found := range map[string]bool{
		"the vendor's name is not made of [a-z0-9]":                                 c.Vendor == "" || strings.Trim(c.Vendor, "abcdefghijklmnopqrstuvwxyz0123456789") != "",
		"Lookup.ByRef does not agree with Finder":                                   c.Lookup.ByRef != canFind,
		"Cancel.Supported does not agree with Canceler":                             c.Cancel.Supported != canCancel,
		"idempotency by key takes no key of 32 characters":                          id.Kind == postproof.IdempotencyKey && (id.MinLen > 32 || (id.MaxLen > 0 && id.MaxLen < 32)),
		"idempotency by reference takes no reference of 16 characters":              id.Kind == postproof.IdempotencyRef && (id.MinLen > postproof.RefLength || (id.MaxLen > 0 && id.MaxLen < postproof.RefLength)),
		"idempotency by reference without look-up: a duplicate could never be read": id.Kind == postproof.IdempotencyRef && !c.Lookup.ByRef,
		"the kind of idempotency is none of package postproof's":                    !slices.Contains(kinds, id.Kind),
		"idempotency is declared without a form of replay of package postproof's":   id.Kind != postproof.IdempotencyNone && !slices.Contains(replays, id.Replay),
		"a key window without a margin, or no longer than it":                       id.Window > 0 && (id.Margin <= 0 || id.Margin >= id.Window),
		"the cancel window is no longer than its margin":                            c.Cancel.For > 0 && c.Cancel.Margin >= c.Cancel.For,
		"a cancel window has neither a length nor a cut-off":                        c.Cancel.Supported && c.Cancel.For <= 0 && c.Cancel.Cutoff <= 0,
		"the time zone of the cancel cut-off cannot be loaded":                      zoneErr != nil,
		"the settle time is not positive":                                           c.Lookup.SettleTime() <= 0,
		"no products":                                                               len(c.Pieces) == 0,
		"no countries":                                                              len(c.Countries) == 0,
		"a country is no ISO code of two capitals, as in US": slices.ContainsFunc(c.Countries, func(code string) bool {
			return len(code) != 2 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != ""
		}),
		"a rate without a time": c.Rate.Requests > 0 && c.Rate.Per <= 0,
		"no status means that there is no paper although orders can be canceled":       c.Cancel.Supported && len(c.NoPaper) == 0,
		"Capabilities changes from call to call":                                       !reflect.DeepEqual(c, r.Adapter.Capabilities()),
		"the account has no mode":                                                      r.Adapter.Account().Mode.Validate() != nil,
		"the account's fingerprint is not stable":                                      r.Adapter.Account() != b.setup().Adapter.Account(),
		"the account's fingerprint is not that of vendors.Fingerprint":                 len(r.Adapter.Account().Fingerprint) != 16,
		"the account's fingerprint holds a credential":                                 b.leak(r.Adapter.Account().Fingerprint) != "",
		"there is a poll, and neither a Getter nor a Finder to poll with":              c.Poll > 0 && !reads(r.Adapter),
		"orders can be canceled, and neither a Getter nor a Finder shows that one was": c.Cancel.Supported && !reads(r.Adapter),
		"the cancel window ends before the piece is accepted":                          c.Cancel.For > 0 && !c.Cancel.Until(time.Unix(1e9, 0)).After(time.Unix(1e9, 0)),
	} {
		if found {
			b.problemf("%s", problem)
		}
	}
	for _, p := range c.Pieces {
		if len(p.Sizes) == 0 || len(p.Classes) == 0 || len(p.Content) == 0 {
			b.problemf("%s: no sizes, classes or content kinds", p.Kind)
		}
		for class, names := range p.ClassSizes {
			for _, name := range names {
				if !hasSize(p.Sizes, name) {
					b.problemf("%s: class %s names the unknown size %s", p.Kind, class, name)
				}
			}
		}
	}
}

// reads reports whether the adapter can ask where a piece is.
func reads(a vendors.Adapter) bool {
	_, get := a.(vendors.Getter)
	_, find := a.(vendors.Finder)
	return get || find
}

func hasSize(sizes []postproof.Size, name string) bool {
	for _, s := range sizes {
		if s.Name == name {
			return true
		}
	}
	return false
}

func checkSilence(b *bench) {
	r := b.setup()
	if len(r.Secrets) == 0 {
		b.problemf("the harness names no secrets to look for")
	}
	r.accepted()
	b.learnCredentials()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if leak := b.leak(fmt.Sprintf(verb, r.Adapter)); leak != "" {
			b.problemf("the adapter printed with %s holds %s", verb, leak)
		}
	}
	// Every operation under every echo; the texts are looked at afterwards.
	s, order := r.accepted()
	for _, f := range append(append(r.boundaries(), Fault{Status: 401, Body: r.echo()}, Fault{Status: 422, Body: r.echo()}), r.ownEchoes()...) {
		r.doer.Strike = func(int, *vendors.Request) *Fault { return &f }
		_, err := r.submit(r.next())
		b.note(err)
		_, err = vendors.Get(b.ctx, r.Adapter, r.doer, order.Receipt.VendorID)
		b.note(err)
		_, err = vendors.Find(b.ctx, r.Adapter, r.doer, s.Ref)
		b.note(err)
		b.note(vendors.Cancel(b.ctx, r.Adapter, r.doer, order.Receipt.VendorID))
		_ = listAll(b, r, time.Time{}, nil)
		_, _ = logAll(b, r, time.Time{})
		_, _ = listUndeliverable(b, r, time.Time{})
	}
}
