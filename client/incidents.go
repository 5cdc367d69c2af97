package client

import (
	"context"
	"iter"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/postproof/postproof/idempotency"
)

// countIncident counts an entry if it is an incident.
func (c *Client) countIncident(ctx context.Context, e *idempotency.Entry) {
	if isIncident(e.Kind) {
		c.tel.incidents.Add(ctx, 1, c.tel.with(attribute.String("mail.incident", string(e.Kind)), attribute.String("mail.vendor", e.Vendor))...)
	}
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
