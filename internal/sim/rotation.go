package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// rotation is that the credentials of vendors are exchanged while jobs are under
// way, by one replica after the other.
type rotation struct {
	kind rotationKind
	// at is from when on the processes of a slot have the new credentials, and
	// revoked when a vendor takes the former ones no more; zero for never.
	at      []time.Time
	revoked time.Time
	// back is the share of lives that begin with the former ones once more.
	back float64
	// scoped: a vendor knows a key only by the credentials that it came with.
	scoped bool
	// all: it is at every vendor, and not at the first only.
	all bool
}

// rotationKind is what is exchanged, and what the replicas are told of it.
type rotationKind string

// The kinds of rotations.
const (
	// rotateTold: another key of the same account, which each replica is told.
	rotateTold rotationKind = "told"
	// rotateUntold: only those that have the new key are told of the former one.
	rotateUntold rotationKind = "untold"
	// rotateNamed: another key of an account that goes by a name of its own.
	rotateNamed rotationKind = "named"
	// rotateWrong: the credentials are another account's, and everybody is told
	// that it is the same one.
	rotateWrong rotationKind = "wrong"
)

// rotate draws the exchange of credentials of a world: about a third have one.
func (p *profile) rotate(d *dice, start time.Time) {
	switch p.class {
	case classCopy, classCount:
		return
	case classStorm, classKeyless, classMute, classOutage, classLong, classGone, classRestore, classUpgrade, classFreeze:
	}
	if d.next("rotate", "") >= 0.35 {
		return
	}
	r := &rotation{scoped: d.next("rotate.scoped", "") < 0.5, all: d.next("rotate.all", "") < 0.4}
	switch k := d.next("rotate.kind", ""); {
	case k < 0.4:
		r.kind = rotateTold
	case k < 0.55:
		r.kind = rotateUntold
	case k < 0.75:
		r.kind = rotateNamed
	default:
		r.kind = rotateTold
		if p.class == classStorm || p.class == classKeyless || p.class == classOutage || p.class == classUpgrade {
			r.kind = rotateWrong
		}
	}
	if r.kind == rotateNamed {
		r.scoped = false // then nobody may rotate while anything is unknown, as the adapters say
	}
	at := start.Add(d.between("rotate.at", "", 3*time.Minute, p.chaos*2/3))
	for range p.replicas {
		r.at = append(r.at, at)
		at = at.Add(d.between("rotate.next", "", 0, 20*time.Minute))
	}
	if d.next("rotate.revoke", "") < 0.5 {
		// Now and then before the last replica has the new ones.
		r.revoked = at.Add(d.between("rotate.revoked", "", -15*time.Minute, 30*time.Minute))
	}
	if d.next("rotate.taken_back", "") < 0.4 {
		r.back = 0.4
	}
	p.rotation = r
}

// exchanged reports whether a process that starts now has the new credentials.
func (w *world) exchanged(name string) bool {
	r := w.profile.rotation
	if r == nil {
		return false
	}
	var slot, life int
	if n, _ := fmt.Sscanf(name, "r%d.%d", &slot, &life); n < 2 || slot >= len(r.at) {
		return true // when all is calm
	}
	now := time.Now()
	if now.Before(r.at[slot]) {
		return false
	}
	if (r.revoked.IsZero() || now.Before(r.revoked)) && w.dice.next("rotate.back", name) < r.back {
		w.struck("rotation.taken_back")
		return false
	}
	w.struck("rotation." + string(r.kind))
	return true
}

// untilExchange is how long a life of a slot lasts until it is given the new
// credentials, when it is not longer than the time given.
func (w *world) untilExchange(slot int, left time.Duration) time.Duration {
	if r := w.profile.rotation; r != nil && slot < len(r.at) {
		if until := time.Until(r.at[slot]); until > 0 {
			return min(left, until)
		}
	}
	return left
}

// credentials are what a vendor knows a customer by.
type credentials struct {
	vendorsim.Credential
	// fingerprint is that of an adapter which has them.
	fingerprint string
	// at is the simulated vendor that has the account, and as the credentials by
	// which that one knows it.
	at string
	as vendorsim.Credential
}

// otherSuffix is what the second account of a vendor has in its simulator's name.
const otherSuffix = "other"

// openAccounts gives a vendor its credentials, those that come later last.
func (v *vendor) openAccounts(first bool) error {
	v.accounts = []credentials{{at: v.name, as: v.w.liveKey(v.name)}}
	if r := v.w.profile.rotation; r != nil && (first || r.all) {
		next := credentials{at: v.name, as: v.w.liveKey(v.name)}
		if r.kind == rotateWrong {
			next.at, next.as = v.name+otherSuffix, v.w.liveKey(v.name+otherSuffix)
		}
		v.accounts = append(v.accounts, next)
	}
	for i := range v.accounts {
		c := &v.accounts[i]
		if c.Credential = c.as; i > 0 && c.at == v.name {
			c.Key += "2"
		}
		a, err := v.plainAdapter(c, nil)
		if err != nil {
			return err
		}
		c.fingerprint = a.Account().Fingerprint
	}
	return nil
}

// has returns which credentials of a vendor a process has.
func (v *vendor) has(p *process) int {
	if p.exchanged {
		return len(v.accounts) - 1
	}
	return 0
}

// formers are the other names of the account that a process is told of.
func (v *vendor) formers(p *process) []string {
	r := v.w.profile.rotation
	if len(v.accounts) < 2 || r.kind == rotateNamed || (r.kind == rotateUntold && !p.exchanged) {
		return nil
	}
	return []string{v.accounts[1-v.has(p)].fingerprint}
}

// admit puts the vendor's own credentials in the place of those of a request, and
// returns which simulated vendor has the account.
func (v *vendor) admit(r *http.Request) string {
	which := min(len(r.Header.Get(keyField)), len(v.accounts)-1)
	c := &v.accounts[which]
	as := c.as
	if t := v.w.profile.rotation; len(v.accounts) > 1 && which == 0 && !t.revoked.IsZero() && !time.Now().Before(t.revoked) {
		v.w.struck("rotation.revoked")
		as.Key = "live_revoked"
	}
	if as.Key == c.Key {
		return c.at
	}
	if v.api == "pcm" {
		if body, err := io.ReadAll(r.Body); err == nil {
			body = bytes.Replace(body, []byte(`"`+c.Key+`"`), []byte(`"`+as.Key+`"`), 1)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		}
		return c.at
	}
	r.SetBasicAuth(as.Key, "")
	if key := r.Header.Get("Idempotency-Key"); key != "" && which > 0 && v.w.profile.rotation.scoped {
		r.Header.Set("Idempotency-Key", key+"-2")
	}
	return c.at
}

// ours undoes that two accounts of a vendor are two simulated vendors.
func ours(vendor string) string { return strings.TrimSuffix(vendor, otherSuffix) }

// formerly returns the credentials that a vendor's account was known by before
// those which the world has in the end; nil when there are none.
func (w *world) formerly(vendor string) *credentials {
	for _, v := range w.vendors {
		if v.name == vendor && len(v.accounts) > 1 {
			return &v.accounts[0]
		}
	}
	return nil
}

// foreign reports whether a submission was made under an account that nobody has
// the credentials of in the end.
func (o *oracle) foreign(s *idempotency.Submission) bool {
	r := o.w.profile.rotation
	if r == nil || r.kind != rotateWrong {
		return false
	}
	c := o.w.formerly(s.Vendor)
	return c != nil && (s.Account == c.fingerprint || s.Also == c.fingerprint)
}

// unproven reports whether a submission was made under a former name of an account
// under which the ledger has no piece that could show that it is the same one.
func (o *oracle) unproven(p *piece, s *idempotency.Submission) bool {
	c := o.w.formerly(s.Vendor)
	if c == nil || o.w.profile.rotation.kind == rotateNamed || (s.Account != c.fingerprint && s.Also != c.fingerprint) {
		return false
	}
	return !slices.ContainsFunc(o.pieces, func(x *piece) bool {
		rec := x.shelf.get(x.id)
		if x.shelf != p.shelf || rec == nil || (rec.State != idempotency.Accepted && rec.State != idempotency.Done) || rec.Receipt.Vendor != s.Vendor {
			return false
		}
		return slices.ContainsFunc(rec.Submissions, func(a idempotency.Submission) bool {
			return a.Vendor == s.Vendor && a.Ref == rec.Receipt.Ref && a.Account == c.fingerprint && a.Also == "" && !a.FirstAt.IsZero()
		})
	})
}

// giveCredentials has a person look after what is held because the account of it
// seemed to be another one: all that there are are known by now.
func (w *world) giveCredentials(at *process) {
	if w.profile.rotation == nil {
		return
	}
	for rec, err := range at.client.Held(w.ctx, "") {
		if err != nil {
			return
		}
		w.oracle.mu.Lock()
		p := w.oracle.byID[rec.ID]
		again := p != nil && rec.Hold.Reason == idempotency.HoldVendorGone && p.released < 3
		if again {
			p.released++
		}
		w.oracle.mu.Unlock()
		if again {
			_, _ = at.client.Release(w.ctx, p.job.Key, client.Actor{By: "sim"})
		}
	}
}
