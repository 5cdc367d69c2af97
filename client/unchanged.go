package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Condition is on what it depends that a person's word counts; see [IfUnchanged]. The
// zero value is an invalid argument.
type Condition struct{ seen Version }

// IfUnchanged makes a person's word count only for the job as that person saw it:
// in the version given, see [VersionOf]. Where anything has come of the job since,
// be it a vendor's word or another person's, nothing happens and the error is a
// [ChangedError]; so it is where the ledger has been recovered since, whatever the
// number. That a worker looked at it and found nothing new is no change. A version
// that is none is an invalid argument: whoever sets a condition wants one.
func IfUnchanged(v Version) Condition { return Condition{seen: v} }

var errNoVersion = errors.New("IfUnchanged of no version: take it of the record that was seen, by VersionOf, or leave it out")

// seenBy returns the version that the conditions are about; the zero value without any.
func seenBy(op string, when []Condition) (seen Version, err error) {
	for i := range when {
		switch v := when[i].seen; {
		case v.IsZero():
			return seen, invalid(op, errNoVersion)
		case i > 0 && v != seen:
			return seen, invalid(op, errors.New("IfUnchanged of two versions: a job is in one of them at most"))
		default:
			seen = v
		}
	}
	return seen, nil
}

// ChangedError says that a job is no longer what was seen by whoever decided about
// it.
type ChangedError struct {
	// Seen is the version that was seen, and Version the present one.
	Seen, Version Version
	// Recovered says that the job was seen in another history of the ledger, mostly
	// the one that a restored backup has replaced: what was seen may never have been.
	Recovered bool
	// State is the present one.
	State idempotency.State
	// Since is what happened since, oldest first. It is empty where the ledger is
	// older than what was seen, where it was recovered, and where the job was erased.
	Since []idempotency.Entry
}

// Error says what happened, by the words of the history and without names.
func (e *ChangedError) Error() string {
	var since []string
	for i := range e.Since {
		s := string(e.Since[i].Kind)
		if v := e.Since[i].Vendor; v != "" {
			s += " (" + v + ")"
		}
		since = append(since, s)
	}
	const most = 6
	if n := len(since) - most; n > 0 {
		since = append([]string{fmt.Sprintf("%d others", n)}, since[n:]...)
	}
	what := strings.Join(since, ", ")
	switch {
	case e.Recovered:
		what = "it was seen before the ledger was recovered, in a history that is lost"
	case e.Version.number < e.Seen.number:
		what = "the ledger is an older one, perhaps from a backup"
	case what == "":
		what = "it was erased"
	}
	return fmt.Sprintf("the job is no longer what was seen: version %s then, %s and %s now: %s: look at it again", e.Seen, e.Version, e.State, what)
}

// Unchanged returns nil when nothing has come of a job since the version given,
// else an error that wraps a [ChangedError]. What it says may be over when it
// returns: to act on it use [IfUnchanged]. A version that is none is an invalid
// argument.
func (c *Client) Unchanged(ctx context.Context, rec *idempotency.Record, v Version) error {
	if v.IsZero() {
		return invalid("unchanged", errNoVersion)
	}
	return c.unchanged(ctx, "unchanged", c.Epoch(), rec, v)
}

// unchanged is about a record that was read in the epoch given. The zero version is
// no condition.
func (c *Client) unchanged(ctx context.Context, op, epoch string, rec *idempotency.Record, seen Version) error {
	is := VersionOf(epoch, rec)
	if seen.IsZero() || seen == is {
		return nil
	}
	changed := &ChangedError{Seen: seen, Version: is, Recovered: !seen.SameHistory(is), State: rec.State}
	if !changed.Recovered && is.number > seen.number {
		for e, err := range legible(ctx, c, c.store.Entries(ctx, idempotency.EntryQuery{ID: rec.ID})) {
			if err != nil {
				return c.storeError(op, err)
			}
			if e.Fence > seen.number {
				changed.Since = append(changed.Since, e)
			}
		}
		// A lease that was taken and given back grows the fence, and so does a
		// look-up in vain: nothing is told of them.
		if len(changed.Since) == 0 && !rec.Tombstone {
			return nil
		}
	}
	return notSent(postproof.CodeConflict, op, changed)
}
