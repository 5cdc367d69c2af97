package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Enqueued counts what became of the jobs handed to [Client.Enqueue].
type Enqueued struct { //nolint:recvcheck // it is printed by value as well
	// New jobs are in the ledger now and will be sent.
	New int64
	// Known jobs were in the ledger already; nothing is sent twice.
	Known int64
	// Rejected jobs are not in the ledger.
	Rejected int64
	// Rejections are the first 100 of them that were found, with reasons, in the
	// order of the sequence. [OnReject] tells of all.
	Rejections []Rejection

	onReject func(Rejection)
}

// Rejection is a job that was not taken.
type Rejection struct {
	// Index is the job's place in the sequence, from 0.
	Index int
	Key   postproof.Key
	Err   error
}

// LogValue implements [slog.LogValuer] without personal data.
func (r Rejection) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("index", r.Index), slog.Any("key", r.Key), slog.Any("error", r.Err))
}

// LogValue implements [slog.LogValuer] without personal data: of the rejections the first.
func (e Enqueued) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Int64("new", e.New), slog.Int64("known", e.Known), slog.Int64("rejected", e.Rejected)}
	if len(e.Rejections) > 0 {
		attrs = append(attrs, slog.Any("first_rejection", e.Rejections[0]))
	}
	return slog.GroupValue(attrs...)
}

// EnqueueOption changes how [Client.Enqueue] and [Client.EnqueueTx] work.
type EnqueueOption interface {
	applyEnqueue(out *Enqueued)
}

type enqueueOption func(*Enqueued)

func (f enqueueOption) applyEnqueue(out *Enqueued) { f(out) }

// OnReject calls f for each job that is rejected, of any number: what
// [Enqueued].Rejections has no room for. It is called one rejection after the other, not
// in the order of the sequence, by the goroutine that called Enqueue.
func OnReject(f func(Rejection)) EnqueueOption {
	return enqueueOption(func(out *Enqueued) { out.onReject = f })
}

// enqueueBatch is how many jobs are committed at a time.
const enqueueBatch = 256

// JobList yields the jobs given, for [Client.Enqueue].
func JobList(jobs ...postproof.Job) iter.Seq2[postproof.Job, error] {
	return func(yield func(postproof.Job, error) bool) {
		for _, j := range jobs {
			if !yield(j, nil) {
				return
			}
		}
	}
}

// Enqueue stores jobs durably, to be sent by [Client.Run] or [Client.Drain]. It
// streams: memory does not grow with the number of jobs. What is read within
// about a second, up to some thousand jobs, is stored together, and is sent in the
// order of the ids, not of the sequence. A bad job is rejected and the others go on;
// an error from the sequence, the ledger or the context ends it, and what was
// counted is stored. Calling it again with the same jobs sends nothing twice.
func (c *Client) Enqueue(ctx context.Context, jobs iter.Seq2[postproof.Job, error], opts ...EnqueueOption) (out Enqueued, err error) {
	ctx, span := c.tel.call(ctx, "postproof.enqueue", &err, trace.WithSpanKind(trace.SpanKindProducer))
	defer endCall(span, &err)
	defer c.wakeUp()
	return c.enqueue(ctx, c.store, jobs, opts)
}

// Tx is a transaction of the caller's that a store can create records in, as
// the Tx of package idempotency/postgres is.
type Tx interface {
	// Commit adds the changes to the transaction. See [idempotency.Store].
	Commit(ctx context.Context, changes []idempotency.Change) (errs []error, err error)
	// Get returns the record, as the transaction sees it.
	Get(ctx context.Context, id idempotency.ID) (*idempotency.Record, error)
}

// EnqueueTx is [Client.Enqueue] inside a transaction of the caller's: the jobs
// are in the ledger when, and only when, it commits, together with whatever
// else it does. With the ledger in idempotency/postgres:
//
//	out, err := c.EnqueueTx(ctx, ledger.In(tx), jobs)
//
// The counts are what they will be once it has committed. Metrics have the jobs at
// once, and keep them when it is rolled back: nothing tells of its end. Artwork is stored at
// once, outside of it: what a transaction that was rolled back leaves of that
// is found again by the next one. If there is none, nothing knows of it: an erasure
// takes it by its name ([Erasure] Blobs). A worker finds the jobs at its next poll.
func (c *Client) EnqueueTx(ctx context.Context, tx Tx, jobs iter.Seq2[postproof.Job, error], opts ...EnqueueOption) (out Enqueued, err error) {
	ctx, span := c.tel.call(ctx, "postproof.enqueue", &err, trace.WithSpanKind(trace.SpanKindProducer))
	defer endCall(span, &err)
	return c.enqueue(ctx, tx, jobs, opts)
}

func (c *Client) enqueue(ctx context.Context, into Tx, jobs iter.Seq2[postproof.Job, error], opts []EnqueueOption) (out Enqueued, err error) {
	if err := c.knowsVendors("enqueue"); err != nil {
		return out, err
	}
	if jobs == nil {
		return out, invalid("enqueue", errors.New("there are no jobs: give an iterator over them, as Jobs makes one of a snapshot"))
	}
	for i, o := range opts {
		if o == nil {
			return out, invalid("enqueue", fmt.Errorf("option %d is nil", i))
		}
		o.applyEnqueue(&out)
	}
	defer func() { out.onReject = nil }() // nothing of ours is kept alive by a result
	read := backlog{c: c, into: into, out: &out}
	err = read.all(ctx, jobs)
	slices.SortFunc(out.Rejections, func(a, b Rejection) int { return cmp.Compare(a.Index, b.Index) })
	return out, err
}

func (e *Enqueued) reject(index int, key postproof.Key, err error) {
	e.Rejected++
	r := Rejection{index, key, err}
	if len(e.Rejections) < 100 {
		e.Rejections = append(e.Rejections, r)
	}
	if e.onReject != nil {
		e.onReject(r)
	}
}

// flush commits a batch.
func (c *Client) flush(ctx context.Context, into Tx, out *Enqueued, batch []queued) error {
	changes := make([]idempotency.Change, len(batch))
	for i, q := range batch {
		var ch idempotency.Change
		var err error
		if q.rec.State == idempotency.Planned && len(q.rec.Submissions) == 0 {
			ch, err = c.machine.Create(q.rec, q.rec.CreatedAt)
		} else {
			ch = idempotency.Change{Record: q.rec, Entries: []idempotency.Entry{{
				ID: q.rec.ID, At: q.rec.CreatedAt, Kind: idempotency.EntrySuspected, To: q.rec.State, Fence: q.rec.Fence, Generation: q.rec.Generation,
			}}}
		}
		if err != nil {
			return c.storeError("enqueue", err)
		}
		ch.Epoch = q.epoch
		changes[i] = ch
	}
	errs, err := into.Commit(ctx, changes)
	if err != nil {
		return c.storeError("enqueue", err)
	}
	for i, q := range batch {
		var err error
		if errs != nil {
			err = errs[i]
		}
		switch {
		case err == nil:
			out.New++
			c.tel.submissions.Add(ctx, 1, c.tel.submitted...)
		case errors.Is(err, idempotency.ErrExists):
			if err := c.compare(ctx, into, q.rec); err != nil {
				if !errors.Is(err, idempotency.ErrKeyReused) {
					return err
				}
				out.reject(q.index, q.rec.Key, err)
				continue
			}
			out.Known++
			c.tel.submissions.Add(ctx, 1, c.tel.replayed...)
		case errors.Is(err, idempotency.ErrEpoch):
			return c.otherEpoch("enqueue")
		default:
			out.reject(q.index, q.rec.Key, c.storeError("enqueue", err))
		}
	}
	return nil
}

// compare returns an error when the key stands for another piece.
func (c *Client) compare(ctx context.Context, in Tx, rec *idempotency.Record) error {
	have, err := in.Get(ctx, rec.ID)
	if err != nil {
		return c.storeError("enqueue", err)
	}
	if have.Fingerprint == rec.Fingerprint {
		return nil
	}
	return notSent(postproof.CodeConflict, "enqueue", &idempotency.KeyReusedError{Key: rec.Key, Have: have.Fingerprint, Got: rec.Fingerprint})
}
