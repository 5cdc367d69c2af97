package client

import (
	"encoding/json"
	"net/url"
	"time"
)

// Hints are what replicas tell each other through the ledger's settings: that a
// vendor is not to be tried before a moment, and that they are there. They are
// advice. Nothing is safe because of a hint, and nothing is lost by a missing,
// late or wrong one: it delays what this replica has not sent yet, for a bounded
// time. It is no failure, counts for no breaker, and is never passed on.

const (
	hintPrefix = "hint/"
	// hintVersion is the format that this version writes and reads. What has
	// another is left alone.
	hintVersion = 1
	// maxHintBytes is more than any hint takes.
	maxHintBytes = 4 << 10
	// hintEvery is the least time between two writes about the same thing.
	hintEvery = time.Second
	// hintTimeout bounds one exchange with the ledger.
	hintTimeout = 5 * time.Second
)

// troubleOver, as the reason of a hint: what was said before is over.
const troubleOver TroubleReason = "over"

// hint is the value of a setting. Only differences of its times count, and only
// its own: clocks differ.
type hint struct {
	Version int           `json:"v"`
	Reason  TroubleReason `json:"reason,omitempty"`
	// At is when it was written, Until when it ends.
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
	// Since is when the trouble began, if that is known.
	Since time.Time `json:"since,omitzero"`
	// From is the client that wrote it, By its name for people.
	From string `json:"from,omitempty"`
	By   string `json:"by,omitempty"`
	// Pieces is how many are meant, where the reason is about pieces.
	Pieces int64 `json:"pieces,omitempty"`
	// Rates are the accounts whose rate the client shares, of a sign of life.
	Rates []string `json:"rates,omitempty"`
}

// lasts is for how long the hint holds from when it was written.
func (h *hint) lasts() time.Duration { return h.Until.Sub(h.At) }

// readHint decodes a hint; false for what is none, or of another version.
func readHint(value []byte) (h hint, ok bool) {
	if len(value) == 0 || len(value) > maxHintBytes || json.Unmarshal(value, &h) != nil {
		return hint{}, false
	}
	return h, h.Version == hintVersion && !h.At.IsZero()
}

// accountName is how hints name a vendor's account.
func (v *vendor) accountName() string {
	return url.PathEscape(v.name) + "/" + url.PathEscape(v.account.Fingerprint)
}

// accountNames are that and the former ones: while a key is rotated, replicas that
// name the account differently share its rate.
func (v *vendor) accountNames() []string {
	names := []string{v.accountName()}
	for _, former := range v.config.FormerAccounts {
		names = append(names, url.PathEscape(v.name)+"/"+url.PathEscape(former))
	}
	return names
}

// otherAccountName is the setting that tells of pieces of another account, or, with
// no fingerprint, of those of a vendor without an adapter. It has
// the form of a hint's name, with something else in the place of the group: who
// has credentials of that account reads it as no hint about a vendor.
func otherAccountName(vendor, fingerprint string) string {
	return hintNameOf(vendor, fingerprint, accountGroup)
}

// hintName is the setting that tells of an operation group of a vendor.
func hintName(v *vendor, group string) string {
	return hintNameOf(v.name, v.account.Fingerprint, group)
}

func hintNameOf(vendor, account, group string) string {
	return hintPrefix + url.PathEscape(vendor) + "/" + url.PathEscape(account) + "/" + group
}

// span is a stretch of the clock. A clock that was set back leaves it: nothing
// lasts for as long as a clock was wrong.
type span struct{ from, until time.Time }

func (s span) holds(now time.Time) bool { return !now.Before(s.from) && now.Before(s.until) }

// aged is the span from now to the end of something that lasts so long and was
// written at a time of the ledger. Its age is what the ledger's time says, but no
// more than what has passed since the latest look, when it was not there; and no
// less than nothing. So a clock that is wrong, here or there, makes it no longer
// than it was meant.
func aged(lasts, most time.Duration, at, ledger, now, looked time.Time) span {
	age := max(0, ledger.Sub(at))
	if !looked.IsZero() && !now.Before(looked) {
		age = min(age, now.Sub(looked))
	}
	return span{from: now, until: now.Add(min(max(0, lasts), most) - age)}
}
