package client

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// A submission keeps for good the name of the account that it was first made
// under: its vendor key is derived from it, and a repeat must carry the same one.
// An account may be known by other names since: so accounts are compared here, and
// nowhere else.

// checkAccounts reports a former name that is none. It may be a key that somebody
// took for its fingerprint: the error does not quote it.
func (v *vendor) checkAccounts() error {
	for i, name := range v.config.FormerAccounts {
		if len(name) != 16 || !isHex(name) {
			return fmt.Errorf("WithVendor(%q): FormerAccounts[%d] is no fingerprint: give the 16 digits 0-9 and a-f that a held job's note has, or Account().Fingerprint of an adapter with the former key or name", v.name, i)
		}
	}
	return nil
}

// tellUnnamed warns of live vendors whose account goes by the API key: once that is
// rotated, what is unknown can only be held, and it is better named before.
func (c *Client) tellUnnamed(ctx context.Context) {
	for _, v := range c.vendors {
		if v.account.Unnamed && v.account.Mode == postproof.ModeLive {
			c.logger.LogAttrs(ctx, slog.LevelWarn, "the account of a vendor has no name: with another API key it is another account, and pieces that are with it cannot be asked for; name it (WithAccount of the adapter), and give this fingerprint in FormerAccounts of its VendorConfig if anything was sent without the name",
				slog.String("vendor", v.name), slog.String("account", v.account.Fingerprint))
		}
	}
}

func isHex(s string) bool {
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'f') {
			return false
		}
	}
	return true
}

// sameAccount reports whether a fingerprint is one of the names of the vendor's
// account. The mode is not in question: all of a ledger is of one, and so are the
// credentials.
func sameAccount(v *vendor, fingerprint string) bool {
	return v != nil && (fingerprint == v.account.Fingerprint || slices.Contains(v.config.FormerAccounts, fingerprint))
}

// accountOf returns the name under which the reference is, or will be, known at
// the vendor: of what was sent already, the first send's. Of what the vendor is
// proven not to have it is the present one where a key counts for the credentials
// that it came with: else whoever still has the former would send again by it what
// went out with these.
func (w *work) accountOf(v *vendor, generation int) string {
	for i := range w.rec.Submissions {
		s := &w.rec.Submissions[i]
		if s.Vendor != v.name || s.Generation != generation || !sameAccount(v, s.Account) {
			continue
		}
		if s.Fate == "" && s.Dead() && v.caps.Idempotency.Kind == postproof.IdempotencyKey {
			break
		}
		return s.Account
	}
	return v.account.Fingerprint
}

// sentByOthers reports whether a submission that has the present name may have been
// sent with other credentials after all. Where keys count for credentials it cannot:
// what went out with others has their name then, see accountOf.
func sentByOthers(v *vendor, sub *idempotency.Submission) bool {
	return sub.Also != "" && v.caps.Idempotency.Kind != postproof.IdempotencyKey
}

// keyOf returns the key that goes with a submission; empty where the vendor goes by
// none. What the vendor can do may be another thing tomorrow, by a newer adapter or a
// setting of it: what went out without a key is not known again by one.
func (v *vendor) keyOf(s *vendors.Submission) string {
	if v.caps.Idempotency.Kind != postproof.IdempotencyKey {
		return ""
	}
	return s.VendorKey
}

// otherAccount says whose the submission is, and what to do. It holds no secret:
// a fingerprint is a digest.
func otherAccount(v *vendor, submitted string) string {
	return fmt.Sprintf("submitted under account %s, the credentials of %s are those of account %s: if it is the same account, name the former in FormerAccounts of its VendorConfig; else give its credentials back",
		submitted, v.name, v.account.Fingerprint)
}

// noAdapter says that there are no credentials of a vendor at all, and what to do.
func noAdapter(vendor string) string {
	return fmt.Sprintf("no adapter of %s is configured: give it back to a worker until its pieces are through", vendor)
}

// cannotAsk says why the vendor of a submission cannot be asked by this client.
func cannotAsk(v *vendor, sub *idempotency.Submission) string {
	if v == nil {
		return noAdapter(sub.Vendor)
	}
	return otherAccount(v, sub.Account)
}

// underFormer says why a submission under a former name of the account is not sent
// again. No vendor documents that a key, or a reference, which came with other
// credentials still counts with the present ones: where it does not, the piece is
// printed again. Nor where the former name is really another account's.
func underFormer(account string) string {
	return "sent under account " + account + ", a former name of the present one: whether the vendor would know it again is not known"
}

// accountTrouble says what the names of accounts have to do with a job's being held
// for the reason given: why no answer came, or why it is not sent again.
func (c *Client) accountTrouble(rec *idempotency.Record, reason idempotency.HoldReason) string {
	switch reason { //nolint:exhaustive // the others have nothing to do with accounts
	case idempotency.HoldDeadline, idempotency.HoldVendorGone:
		return cmp.Or(c.otherAccountOf(rec), c.unprovenOf(rec))
	}
	if reason != idempotency.HoldCannotBuild {
		return ""
	}
	for _, s := range rec.Live() {
		if v := c.byName[s.Vendor]; sameAccount(v, s.Account) && s.Account != v.account.Fingerprint {
			return underFormer(s.Account)
		}
	}
	return ""
}

// otherAccountOf says whose a record's open submission is, when it is not the
// client's: nobody could be asked.
func (c *Client) otherAccountOf(rec *idempotency.Record) string {
	for i := range rec.Submissions {
		s := &rec.Submissions[i]
		counts := s.Vendor == rec.Receipt.Vendor && s.Ref == rec.Receipt.Ref
		if v := c.byName[s.Vendor]; (counts || !s.Dead()) && s.Account != "" && !sameAccount(v, s.Account) {
			return cannotAsk(v, s)
		}
	}
	return ""
}

// unprovenOf says that a record waited for a proof of absence under a former name
// which nothing shows to be the present account's.
func (c *Client) unprovenOf(rec *idempotency.Record) string {
	for _, s := range rec.Live() {
		v := c.byName[s.Vendor]
		if v == nil || s.Join == postproof.Accepted {
			continue
		}
		if f := v.formers[s.Account]; f != nil && !f.isProven() {
			return unproven(v, s.Account)
		}
	}
	return ""
}

const (
	// countAgain is how often the pieces of other accounts are counted again,
	// while there are some to be polled, and countMost how many are looked at.
	countAgain = 6 * time.Hour
	countMost  = 10_000
	// accountTroubleFor is for how long a count holds that is not renewed: longer
	// than the longest wait between two polls.
	accountTroubleFor = 96 * time.Hour
	// accountGroup is what stands in the place of an operation group.
	accountGroup = "poll"
)

// OtherAccount is an account that a vendor's pieces are of, accepted ones or unknown, and
// that the client has no credentials of: it cannot ask about them.
type OtherAccount struct {
	// Fingerprint is the account's, see [VendorConfig].FormerAccounts.
	Fingerprint string
	// Pieces is how many there were when they were last counted, at least.
	Pieces int64
	// Since is when this client met the first of them.
	Since time.Time
}

// otherAccounts are those that a vendor's client met.
type otherAccounts struct {
	counting seldomDone

	mu    sync.Mutex
	known map[string]OtherAccount
}

// list returns what is known, in the order of the fingerprints.
func (o *otherAccounts) list() []OtherAccount {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []OtherAccount
	for _, name := range slices.Sorted(maps.Keys(o.known)) {
		all = append(all, o.known[name])
	}
	return all
}

// pieces returns how many an account had when they were last counted.
func (o *otherAccounts) pieces(name string) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.known[name].Pieces
}

// set notes a count, and reports whether the account is new here.
func (o *otherAccounts) set(name string, pieces int64, now time.Time) (a OtherAccount, fresh bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a, known := o.known[name]
	if !known && len(o.known) >= maxMet {
		return a, false
	}
	if !known {
		a = OtherAccount{Fingerprint: name, Since: now}
	}
	a.Pieces = pieces
	if o.known == nil {
		o.known = map[string]OtherAccount{}
	}
	o.known[name] = a
	return a, !known
}

// mayBeAt finds what a vendor has or may have, for a count.
func mayBeAt(vendor string) idempotency.Query {
	return idempotency.Query{Vendor: vendor, States: []idempotency.State{idempotency.Accepted, idempotency.Unknown}, Bare: true, Limit: countMost}
}

// isOpen reports whether a submission is the piece that was accepted, or is in doubt.
func isOpen(rec *idempotency.Record, s *idempotency.Submission) bool {
	if rec.State == idempotency.Unknown {
		return !s.Dead()
	}
	return s.Vendor == rec.Receipt.Vendor && s.Ref == rec.Receipt.Ref
}

// meetOther notes that a piece cannot be asked for, because it is of another account,
// and has people told of all such pieces: once in the log, and for as long as there
// are some in [Client.Troubles].
func (c *Client) meetOther(ctx context.Context, v *vendor, account string) {
	v.polls.count(func(n *PollCounts) { n.OtherAccount++ })
	c.countUnasked(ctx, v.name, unaskedOtherAccount)
	now := c.now()
	if !v.others.counting.due(now, countAgain) {
		return
	}
	counts := map[string]int64{account: 0}
	for rec, err := range legible(ctx, c, c.store.Find(ctx, mayBeAt(v.name))) {
		if err != nil {
			break // at least those that were counted
		}
		for i := range rec.Submissions {
			if s := &rec.Submissions[i]; s.Vendor == v.name && isOpen(rec, s) && !sameAccount(v, s.Account) {
				counts[s.Account]++
			}
		}
	}
	for name, n := range counts {
		a, fresh := v.others.set(name, max(n, 1), now)
		if fresh {
			c.logger.LogAttrs(ctx, slog.LevelWarn, "pieces are of another account: this client cannot ask about them; name it in FormerAccounts if it is the same account, else give its credentials back",
				slog.String("vendor", v.name), slog.String("account", name), slog.String("credentials_of", v.account.Fingerprint), slog.Int64("pieces", a.Pieces))
		}
		if a.Pieces > 0 {
			c.tellPieces(otherAccountName(v.name, name), TroubleOtherAccount, a.Pieces, a.Since)
		}
	}
}
