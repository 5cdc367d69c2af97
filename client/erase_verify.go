package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// verify reads everything back.
func (x *erasing) verify(ctx context.Context) error {
	for _, check := range []func(context.Context) error{x.verifyRecords, x.verifyMessages, x.verifySnapshots} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	for _, a := range x.rep.Artwork {
		if a.Outcome != ArtworkErased {
			continue
		}
		r, err := x.c.store.OpenBlob(ctx, postproof.Blob{Digest: a.Digest, Size: a.Size})
		if err == nil {
			_ = r.Close() // nothing was read
			x.problem("artwork %.16s is there again", a.Digest)
		}
	}
	return nil
}

func (x *erasing) problem(format string, args ...any) {
	x.rep.Problems = append(x.rep.Problems, fmt.Sprintf(format, args...))
}

func (x *erasing) verifyRecords(ctx context.Context) error {
	for _, was := range x.done {
		rec, err := x.c.store.Get(ctx, was.ID)
		if x.unread(ctx, err) {
			continue
		}
		if err != nil {
			return x.c.storeError(opErase, err)
		}
		if left(rec) != "" || x.says(rec.Campaign) || x.says(rec.Run) {
			x.problem("record %.16s still says something of the person", rec.ID)
		}
		for e, err := range x.c.store.Entries(ctx, idempotency.EntryQuery{ID: was.ID}) {
			if x.unread(ctx, err) {
				continue
			}
			if err != nil {
				return x.c.storeError(opErase, err)
			}
			if x.says(e.Note) || (x.says(e.By) && !strings.HasPrefix(e.By, "inbox/")) {
				x.problem("entry %d of record %.16s names the person", e.Seq, rec.ID)
			}
		}
	}
	return nil
}

// left is all that a record can say in somebody's words, but for the names of its
// campaign and of the replay that counts it.
func left(r *idempotency.Record) string {
	return string(r.Key) + string(r.Job) + r.Contact + r.Trace + r.Receipt.ProofURL + r.Receipt.TrackingID +
		r.Status.Raw + r.Status.Reason + r.Hold.Note + r.Refusal.Note + r.Refusal.VendorCode + r.Cancel.By
}

// says reports whether a text names the person. Short names, and short numbers,
// stand in many texts: they count only as the whole of one.
func (x *erasing) says(text string) bool {
	text = strings.ToLower(text)
	return text != "" && slices.ContainsFunc(x.names, func(name string) bool {
		name = strings.ToLower(name)
		long := len(name) >= 4 && (len(name) >= 8 || strings.Trim(name, "0123456789") != "")
		return name != "" && (text == name || (long && mentions([]byte(text), []string{name})))
	})
}

func (x *erasing) verifyMessages(ctx context.Context) error {
	engine, ok := x.c.store.(interface{ Inbox() idempotency.Inbox })
	if !ok {
		return nil
	}
	for _, id := range x.cleaned {
		m, err := messageOf(ctx, engine.Inbox(), id)
		if x.unread(ctx, err) {
			continue
		}
		if err != nil {
			return x.c.storeError(opErase, err)
		}
		if m == nil || m.Body != nil || m.Header != nil {
			x.problem("message %d still has its payload", id)
		}
	}
	return nil
}

func (x *erasing) verifySnapshots(ctx context.Context) error {
	if x.e.Snapshots == nil {
		return nil
	}
	rows := x.rows()
	rows.DryRun = true
	left, err := x.rowsErased(ctx, rows)
	if err != nil {
		return err
	}
	for _, s := range left {
		x.problem("snapshot %.16s still has %d rows", s.Snapshot, s.Accepted+s.Rejected)
	}
	return nil
}

// VerifyErasure reports whether the report is the one whose digest it carries, and
// whether the change log has it.
func (c *Client) VerifyErasure(ctx context.Context, r ErasureReport) error {
	bare := r
	bare.Entry, bare.Digest = 0, ""
	text, err := json.Marshal(&bare)
	if err != nil {
		return invalid("verify erasure", err)
	}
	if digestOf(text) != r.Digest {
		return notSent(postproof.CodeConflict, "verify erasure", errors.New("the report is not the one that its digest is of"))
	}
	for e, err := range c.Changes(ctx, ChangeQuery{Actions: []Action{ActionErase}, After: max(r.Entry, 1) - 1, Limit: 1}) {
		if err != nil {
			return err
		}
		var says erasedEntry
		if e.N == r.Entry && json.Unmarshal(e.After, &says) == nil && says.Digest == r.Digest {
			return nil
		}
	}
	return notSent(postproof.CodeNotFound, "verify erasure", errors.New("the change log has no such erasure"))
}

// Erasing yields the jobs that are to be erased and are not at rest yet: those
// that still have their data, and those that are only followed
// ([idempotency.Record.Erased]). They are buried by themselves. The ledger is
// read through; a job whose record is damaged is an [idempotency.DamagedError],
// behind which the list goes on.
func (c *Client) Erasing(ctx context.Context) iter.Seq2[*idempotency.Record, error] {
	return func(yield func(*idempotency.Record, error) bool) {
		for rec, err := range readOf(c, opErase, c.store.Find(ctx, idempotency.Query{Bare: true})) {
			if (err != nil || (!rec.EraseAt.IsZero() && !rec.Tombstone)) && !yield(rec, err) {
				return
			}
		}
	}
}

// erasedEntry is what the change log says of an erasure.
type erasedEntry struct {
	Digest    string `json:"digest"`
	Jobs      int    `json:"jobs"`
	Messages  int    `json:"messages"`
	Artwork   int    `json:"artwork"`
	Snapshots int    `json:"snapshots"`
	Problems  int    `json:"problems,omitempty"`
	Unread    int    `json:"unread,omitempty"`
}

// enter writes the report's digest to the change log.
func (x *erasing) enter(ctx context.Context) error {
	r := &x.rep
	text, err := json.Marshal(r)
	if err != nil {
		return invalid(opErase, err)
	}
	r.Digest = digestOf(text)
	after, err := json.Marshal(erasedEntry{
		Digest: r.Digest, Jobs: len(r.Jobs), Messages: len(r.Messages), Artwork: len(r.Artwork), Snapshots: len(r.Snapshots), Problems: len(r.Problems),
		Unread: len(r.Unread),
	})
	if err != nil {
		return invalid(opErase, err)
	}
	target := Target{Kind: TargetLedger}
	if len(r.Jobs) == 1 {
		target = Target{Kind: TargetJob, Name: string(r.Jobs[0].ID)}
	}
	e, err := x.c.logged(ctx, opErase, func(context.Context) (idempotency.Change, ChangeEntry, error) {
		return idempotency.Change{}, ChangeEntry{By: x.who.By, Why: x.who.Why, Action: ActionErase, Target: target, After: after}, nil
	})
	r.Entry = e.N
	return err
}
