package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/postproof/postproof/idempotency"
)

// mayBeDamaged has the store find damage as one on a disk does.
func (f *fake) mayBeDamaged() {
	find, get, entries, list, claim, claimMsg := f.find, f.get, f.entries, f.list, f.claim, f.claimMsg
	f.find = func(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
		return withDamage(f, find(ctx, q), func(r *idempotency.Record) *idempotency.DamagedError {
			return &idempotency.DamagedError{Record: r.ID}
		}, nil)
	}
	f.get = func(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
		if err := f.broken(&idempotency.DamagedError{Record: id}); err != nil {
			return nil, err
		}
		return get(ctx, id)
	}
	f.entries = func(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error] {
		kinds := q.Kinds
		if len(f.damaged) > 0 {
			q.Kinds = nil
		}
		return withDamage(f, entries(ctx, q), func(e idempotency.Entry) *idempotency.DamagedError {
			return &idempotency.DamagedError{Entry: e.Seq}
		}, func(e idempotency.Entry) bool { q := idempotency.EntryQuery{Kinds: kinds}; return q.Matches(&e) })
	}
	f.list = func(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error] {
		return withDamage(f, list(ctx, q), func(m *idempotency.Message) *idempotency.DamagedError {
			return &idempotency.DamagedError{Message: m.ID}
		}, nil)
	}
	f.claim = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
		all, err := claim(ctx, req)
		return unharmed(f, all, err, func(r *idempotency.Record) *idempotency.DamagedError { return &idempotency.DamagedError{Record: r.ID} })
	}
	f.claimMsg = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Message, error) {
		all, err := claimMsg(ctx, req)
		return unharmed(f, all, err, func(m *idempotency.Message) *idempotency.DamagedError {
			return &idempotency.DamagedError{Message: m.ID}
		})
	}
}

// broken returns the error of what is damaged, else nil.
func (f *fake) broken(what *idempotency.DamagedError) error {
	if !f.damaged[what.What()] {
		return nil
	}
	what.Err = errBroken
	return fmt.Errorf("fake: %w", what)
}

func withDamage[T any](f *fake, all iter.Seq2[T, error], what func(T) *idempotency.DamagedError, meant func(T) bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range all {
			if err == nil {
				err = f.broken(what(v))
			}
			if err == nil && meant != nil && !meant(v) {
				continue
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

func unharmed[T any](f *fake, all []T, err error, what func(T) *idempotency.DamagedError) (good []T, _ error) {
	var bad error
	for _, v := range all {
		if one := f.broken(what(v)); one != nil {
			bad = errors.Join(bad, one)
			continue
		}
		good = append(good, v)
	}
	if err == nil && len(good) == 0 {
		err = bad
	}
	return good, err
}

// reshaped changes each pair that a list yields; false leaves it out.
func reshaped[T any](all iter.Seq2[T, error], edit func(v T, err error) (T, error, bool)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range all {
			v, err, shown := edit(v, err)
			if shown && !yield(v, err) {
				return
			}
		}
	}
}

// upTo ends a list at its first error, as one that cannot go on.
func upTo[T any](all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range all {
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// silently leaves out what is damaged.
func silently[T any](all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return reshaped(all, func(v T, err error) (T, error, bool) { return v, err, err == nil })
}

// stubborn goes on after its reader has stopped.
func stubborn[T any](all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range all {
			if !yield(v, err) && err == nil {
				return
			}
		}
	}
}

func editLists(
	find func(iter.Seq2[*idempotency.Record, error]) iter.Seq2[*idempotency.Record, error],
	entries func(iter.Seq2[idempotency.Entry, error]) iter.Seq2[idempotency.Entry, error],
	list func(iter.Seq2[*idempotency.Message, error]) iter.Seq2[*idempotency.Message, error],
) func(*fake) {
	return func(f *fake) {
		f1, f2, f3 := f.find, f.entries, f.list
		f.find = func(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
			return find(f1(ctx, q))
		}
		f.entries = func(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error] {
			return entries(f2(ctx, q))
		}
		f.list = func(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error] {
			return list(f3(ctx, q))
		}
	}
}

func damagedPieces() map[string]broken {
	const (
		records, absent, entries, messages = "damaged/records are listed on behind a damaged one", "damaged/a damaged record is not taken to be absent",
			"damaged/the history goes on behind a damaged entry", "damaged/an inbox is listed on behind a damaged message"
		worker, message, stop = "damaged/a damaged record keeps no other from its worker", "damaged/a damaged message keeps no other from its worker",
			"damaged/the first damaged thing ends a list whose reader stops"
	)
	return map[string]broken{
		"a list ends at what is damaged": {editLists(upTo, upTo, upTo), []string{records, entries, messages}},
		"damage is hidden":               {editLists(silently, silently, silently), []string{records, absent, entries, messages, stop}},
		"damage stops nobody":            {editLists(stubborn, stubborn, stubborn), []string{stop}},
		"damage has no name": {func(f *fake) {
			nameless := func(err error) error {
				if idempotency.AsDamaged(err) != nil {
					return idempotency.ErrCorrupt
				}
				return err
			}
			editLists(func(all iter.Seq2[*idempotency.Record, error]) iter.Seq2[*idempotency.Record, error] {
				return reshaped(all, func(r *idempotency.Record, err error) (*idempotency.Record, error, bool) {
					return r, nameless(err), true
				})
			}, func(all iter.Seq2[idempotency.Entry, error]) iter.Seq2[idempotency.Entry, error] {
				return reshaped(all, func(e idempotency.Entry, err error) (idempotency.Entry, error, bool) { return e, nameless(err), true })
			}, func(all iter.Seq2[*idempotency.Message, error]) iter.Seq2[*idempotency.Message, error] {
				return reshaped(all, func(m *idempotency.Message, err error) (*idempotency.Message, error, bool) {
					return m, nameless(err), true
				})
			})(f)
		}, []string{records, absent, entries, messages}},
		"a damaged record stops the workers": {func(f *fake) {
			claim := f.claim
			f.claim = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
				if len(f.damaged) > 0 {
					return nil, idempotency.ErrCorrupt
				}
				return claim(ctx, req)
			}
		}, []string{worker}},
		"a damaged message stops the workers": {func(f *fake) {
			claim := f.claimMsg
			f.claimMsg = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Message, error) {
				if len(f.damaged) > 0 {
					return nil, idempotency.ErrCorrupt
				}
				return claim(ctx, req)
			}
		}, []string{message}},
	}
}
