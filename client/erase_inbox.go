package client

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors/signature"
)

// batchHeader names, in a message that is one event of a callback with many, the
// message that has the bytes, as package callback writes it.
const batchHeader = "Postproof-Part"

// eraseMessages blanks the callbacks about erased pieces: those that name one of
// our references or a vendor's id, and those that the history says were applied
// to one. What is not settled yet is still to be applied, and is blanked then, by
// whoever applies it. Of a job that keeps its data until it comes to rest the history
// tells now, and not any more then: what was applied to it goes now.
func (x *erasing) eraseMessages(ctx context.Context) error {
	engine, ok := x.c.store.(interface{ Inbox() idempotency.Inbox })
	if !ok {
		return nil
	}
	tokens, inbox := x.tokens(), engine.Inbox()
	heard, err := x.batches(ctx, inbox)
	if err != nil || (len(tokens) == 0 && len(heard) == 0) {
		return err
	}
	for m, err := range inbox.List(ctx, idempotency.MessageQuery{}) {
		damaged := idempotency.AsDamaged(err)
		if err != nil && damaged == nil {
			return x.c.storeError(opErase, err)
		}
		known := m != nil && slices.Contains(heard, m.ID) && (m.State != idempotency.MessageParked || !x.ofOpen(m.ID))
		// What can still be read of a damaged one may be enough to know that it is meant.
		meant := m != nil && m.Body != nil && (known || mentions(readable(m.Body), tokens[m.Vendor]))
		if damaged != nil && (!meant || m.State == idempotency.MessageWaiting) {
			x.unread(ctx, err)
			continue
		}
		if !meant {
			continue
		}
		if err := x.eraseMessage(ctx, inbox, m); err != nil {
			return err
		}
	}
	return nil
}

// batches returns the messages that the history names, and those that have their
// bytes.
func (x *erasing) batches(ctx context.Context, inbox idempotency.Inbox) ([]uint64, error) {
	var all []uint64
	for id := range x.heard {
		all = append(all, x.heard[id]...)
	}
	for _, id := range slices.Clone(all) {
		m, err := messageOf(ctx, inbox, id)
		if x.unread(ctx, err) {
			continue // what it came in with others is found by what it says
		}
		if err != nil {
			return nil, x.c.storeError(opErase, err)
		}
		if m != nil && batchOf(m) != 0 {
			all = append(all, batchOf(m))
		}
	}
	return all, nil
}

// ofOpen reports whether the history names the message for a job that keeps its data:
// what is parked of it still waits to be handled.
func (x *erasing) ofOpen(message uint64) bool {
	for id, heard := range x.heard {
		if slices.Contains(heard, message) && !isAmong(x.done, id) {
			return true
		}
	}
	return false
}

func (x *erasing) eraseMessage(ctx context.Context, inbox idempotency.Inbox, m *idempotency.Message) error {
	for range 32 {
		switch {
		case m.State == idempotency.MessageWaiting:
			x.rep.Messages = append(x.rep.Messages, ErasedMessage{ID: m.ID, Vendor: m.Vendor, Open: true})
			return nil
		case m.Body == nil:
			return nil // by somebody else, meanwhile
		}
		done := ErasedMessage{ID: m.ID, Vendor: m.Vendor, Digest: x.digest(m.Body)}
		if x.e.DryRun {
			x.rep.Messages = append(x.rep.Messages, done)
			return nil
		}
		mark := idempotency.Mark{ID: m.ID, Expect: m.Fence, State: m.State, Due: m.Due, Purge: true}
		err := idempotency.CommitOne(ctx, x.c.store, idempotency.Change{Marks: []idempotency.Mark{mark}})
		if err == nil {
			x.rep.Messages = append(x.rep.Messages, done)
			x.cleaned = append(x.cleaned, m.ID)
			return nil
		}
		if !errors.Is(err, idempotency.ErrStale) {
			return x.c.storeError(opErase, err)
		}
		again, err := messageOf(ctx, inbox, m.ID)
		if idempotency.AsDamaged(err) != nil && again != nil {
			err = nil // as before
		}
		if err != nil || again == nil {
			return x.c.storeError(opErase, errors.Join(err, idempotency.ErrStale))
		}
		m = again
	}
	return x.c.storeError(opErase, idempotency.ErrStale)
}

// messageOf reads one message; nil when there is none. With an
// [idempotency.DamagedError] it is what can still be read of it.
func messageOf(ctx context.Context, inbox idempotency.Inbox, id uint64) (*idempotency.Message, error) {
	for m, err := range inbox.List(ctx, idempotency.MessageQuery{After: id - 1, Limit: 1}) {
		if one := idempotency.AsDamaged(err); one != nil && one.Message != id {
			return nil, nil //nolint:nilnil // it is another one
		}
		if err != nil || m.ID == id {
			return m, err
		}
	}
	return nil, nil
}

// tokens are the names of the erased pieces, by vendor.
func (x *erasing) tokens() map[string][]string {
	all := map[string][]string{}
	add := func(vendor, token string) {
		if token != "" && !slices.Contains(all[vendor], token) {
			all[vendor] = append(all[vendor], token)
		}
	}
	for _, rec := range x.done {
		for _, p := range piecesOf(rec) {
			add(p.Vendor, string(p.Ref))
			add(p.Vendor, p.VendorID)
		}
		add(rec.Receipt.Vendor, rec.Receipt.VendorID)
	}
	return all
}

// readable is a payload in plain text: that of a signed token is in base64, in which
// no name can be found.
func readable(body []byte) []byte {
	if claims, err := signature.UnverifiedClaims(body); err == nil {
		return claims
	}
	return body
}

// mentions reports whether a payload names one of the tokens. Some vendors' ids
// are short numbers, that stand in longer ones by chance: of a token of fewer
// than eight characters what stands around it must be no letter or digit; the
// digits of an escape, as in %22, are none.
func mentions(body []byte, tokens []string) bool {
	return slices.ContainsFunc(tokens, func(token string) bool {
		for at := 0; ; {
			i := bytes.Index(body[at:], []byte(token))
			if i < 0 {
				return false
			}
			from := at + i
			to := from + len(token)
			if len(token) >= 8 || (!wordBefore(body[:from]) && (to == len(body) || !wordByte(body[to]))) {
				return true
			}
			at = from + 1
		}
	})
}

func wordBefore(b []byte) bool {
	n := len(b)
	return n > 0 && wordByte(b[n-1]) && (n < 3 || b[n-3] != '%')
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

// batchOf returns the message that has the bytes of an event; 0 when it is the
// message itself.
func batchOf(m *idempotency.Message) uint64 {
	id, _, _ := strings.Cut(m.Header[batchHeader], "/")
	n, _ := strconv.ParseUint(id, 10, 64) // 0 for what is none
	return n
}
