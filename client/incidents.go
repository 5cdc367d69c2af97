package client

import (
	"context"
	"iter"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/postproof/postproof/idempotency"
)

// IncidentKind is what an incident is: the Kind of its entry in the history.
type IncidentKind string

// The kinds of incidents.
const (
	IncidentLateArrival       = IncidentKind(idempotency.EntryLateArrival)
	IncidentLatePrinted       = IncidentKind(idempotency.EntryLatePrinted)
	IncidentLateAnswer        = IncidentKind(idempotency.EntryLateAnswer)
	IncidentTwiceAtVendor     = IncidentKind(idempotency.EntryTwiceAtVendor)
	IncidentCancelTooLate     = IncidentKind(idempotency.EntryCancelTooLate)
	IncidentCancelWaits       = IncidentKind(idempotency.EntryCancelWaits)
	IncidentMissing           = IncidentKind(idempotency.EntryMissing)
	IncidentContradiction     = IncidentKind(idempotency.EntryContradiction)
	IncidentDoubtedAgain      = IncidentKind(idempotency.EntryDoubtedAgain)
	IncidentUnwatched         = IncidentKind(idempotency.EntryUnwatched)
	IncidentAnswerParked      = IncidentKind(idempotency.EntryAnswerParked)
	IncidentAnswerDropped     = IncidentKind(idempotency.EntryAnswerDropped)
	IncidentCallbackUnmatched = IncidentKind(idempotency.EntryCallbackUnmatched)
	IncidentRecoveredBefore   = IncidentKind(idempotency.EntryRecoveredBefore)
)

// IncidentKinds returns all that this version writes.
func IncidentKinds() []IncidentKind {
	return []IncidentKind{
		IncidentLateArrival,
		IncidentLatePrinted,
		IncidentLateAnswer,
		IncidentTwiceAtVendor,
		IncidentCancelTooLate,
		IncidentCancelWaits,
		IncidentMissing,
		IncidentContradiction,
		IncidentDoubtedAgain,
		IncidentUnwatched,
		IncidentAnswerParked,
		IncidentAnswerDropped,
		IncidentCallbackUnmatched,
		IncidentRecoveredBefore,
	}
}

// Meaning says in one sentence what happened, and, where there is something to do, what.
func (k IncidentKind) Meaning() string {
	switch k {
	case IncidentLateArrival:
		return "A piece turned up at a vendor that was thought not to have it. It is canceled there if there is still time."
	case IncidentLatePrinted:
		return "A piece that turned up late could not be stopped: two pieces may be printed."
	case IncidentLateAnswer:
		return "A vendor's answer came when its send had been given up. It is in the ledger."
	case IncidentTwiceAtVendor:
		return "Two pieces are alive at one vendor under one reference: have the vendor stop one."
	case IncidentCancelTooLate:
		return "A cancellation was wished and the vendor's window had closed: the piece is printed."
	case IncidentCancelWaits:
		return "A cancellation was wished and nobody can ask the vendor: give the workers its credentials while there is time."
	case IncidentMissing:
		return "The vendor does not know a piece that it had accepted: ask it."
	case IncidentContradiction:
		return "The vendor says that there is no paper, after it said that the piece was mailed: ask it."
	case IncidentDoubtedAgain:
		return "An answer from before a restore was doubted again; it is looked up."
	case IncidentUnwatched:
		return "The watch for a late arrival ended, and its last look had no answer: look at the vendor's side for the reference."
	case IncidentAnswerParked:
		return "A vendor's answer has no place in the ledger, as after a restore. It is kept in the spool and tried again."
	case IncidentAnswerDropped:
		return "Somebody gave a parked answer up."
	case IncidentCallbackUnmatched:
		return "A callback is about a piece that the ledger does not know: audit that vendor."
	case IncidentRecoveredBefore:
		return "A vendor shows recoveries that the ledger does not know of: it had been restored before. What is in doubt is looked up further."
	default:
		return "An incident of a newer version."
	}
}

// incidentKinds are those whose entries a person should look at, as a store knows them. A
// test compares them with all that are written.
func incidentKinds() []idempotency.EntryKind {
	kinds := IncidentKinds()
	entries := make([]idempotency.EntryKind, len(kinds))
	for i, k := range kinds {
		entries[i] = idempotency.EntryKind(k)
	}
	return entries
}

// isIncident reports whether a person should look at an entry of the kind.
func isIncident(kind idempotency.EntryKind) bool {
	return slices.Contains(IncidentKinds(), IncidentKind(kind))
}

// Incidents yields what a person should look at, oldest first: late arrivals,
// pieces that could not be stopped, vendors that contradict themselves, answers
// that came late or that the ledger has no place for (see [Client.Spooled]),
// callbacks about pieces that the ledger does not know, recoveries that only a
// vendor knows of. What happened stays in the list for as long as the ledger
// remembers it: nobody ends an entry. What each is says [IncidentKind.Meaning]. For an
// alarm ask [Client.IncidentsSince] for what is new. An entry that is damaged, which may be of any kind, is an
// [idempotency.DamagedError], behind which the list goes on; after another error it
// yields no more.
func (c *Client) Incidents(ctx context.Context) iter.Seq2[idempotency.Entry, error] {
	return readOf(c, "incidents", c.store.Entries(ctx, idempotency.EntryQuery{Kinds: incidentKinds()}))
}

// IncidentsSince is [Client.Incidents] from a moment on, by the ledger's time,
// without reading the history before it. For an alarm that tells of each once ask
// from a while before the last one, since clocks of replicas differ, and leave out
// what was told, by [idempotency.Entry.Seq]. An entry that is damaged, which may be of
// any kind and time, is an [idempotency.DamagedError], behind which the list goes on;
// after another error it yields no more.
func (c *Client) IncidentsSince(ctx context.Context, since time.Time) iter.Seq2[idempotency.Entry, error] {
	return func(yield func(idempotency.Entry, error) bool) {
		after, err := c.seekHistory(ctx, since.Add(-seekSlack))
		if err != nil {
			yield(idempotency.Entry{}, c.storeError("incidents", err))
			return
		}
		for e, err := range readOf(c, "incidents", c.store.Entries(ctx, idempotency.EntryQuery{Kinds: incidentKinds(), After: after})) {
			if (err != nil || !e.At.Before(since)) && !yield(e, err) {
				return
			}
		}
	}
}

// seekSlack is how far the times of the history may be out of order: those of
// processes whose clocks differ.
const seekSlack = 10 * time.Minute

// seekHistory returns a place in the history behind which everything lies that
// happened since: a search by halves, because times grow with the places.
func (c *Client) seekHistory(ctx context.Context, since time.Time) (after uint64, err error) {
	// early reports whether the first entry behind a place is older.
	early := func(place uint64) bool {
		if err != nil {
			return false
		}
		var e idempotency.Entry
		var there bool
		e, there, err = c.entryAfter(ctx, place)
		return err == nil && there && e.At.Before(since)
	}
	step := uint64(1)
	for early(after+step) && step < 1<<62 {
		after, step = after+step, 2*step
	}
	for ; step > 0 && err == nil; step /= 2 {
		if early(after + step) {
			after += step
		}
	}
	return after, err
}

// countIncident counts an entry if it is an incident.
func (c *Client) countIncident(ctx context.Context, e *idempotency.Entry) {
	if isIncident(e.Kind) {
		c.tel.incidents.Add(ctx, 1, c.tel.with(attribute.String("mail.incident", string(e.Kind)), attribute.String("mail.vendor", e.Vendor))...)
	}
}
