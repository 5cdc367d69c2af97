package vendortest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// windowBreakages are adapters that say more than their vendor keeps, or know one kind
// of piece, or one zone.
func windowBreakages() []breakage {
	caps := func(change func(c *postproof.Capabilities)) func(b *broken) {
		return func(b *broken) { b.caps = change }
	}
	onlyPostcards := func(id string) error {
		if strings.HasPrefix(id, "psc_") {
			return nil
		}
		return postproof.NewError(postproof.CodeNotFound, postproof.Refused, errBroken)
	}
	late := func(o *vendors.Order) {
		if !o.Receipt.AcceptedAt.IsZero() {
			o.Receipt.AcceptedAt = o.Receipt.AcceptedAt.Add(5 * time.Hour)
		}
	}
	return []breakage{
		{"Repeat", "a comparison that the vendor does not make", "", caps(func(c *postproof.Capabilities) { c.Idempotency.BodyCompared = true })},
		{"Window", "a key that protects for ever", "", caps(func(c *postproof.Capabilities) { c.Idempotency.Window = 0 })},
		{"Window", "a key that protects for a week", "", caps(func(c *postproof.Capabilities) { c.Idempotency.Window = 7 * 24 * time.Hour })},
		{"Window", "a cancellation for an hour", "", caps(func(c *postproof.Capabilities) { c.Cancel.For = time.Hour })},
		{"Window", "a cut-off in another zone", "postgrid", caps(func(c *postproof.Capabilities) { c.Cancel.CutoffZone = "America/Los_Angeles" })},
		{"Window", "a cut-off that is an hour late", "pcm", caps(func(c *postproof.Capabilities) { c.Cancel.Cutoff += 2 * time.Hour })},
		{"Window", "a window that begins in another zone", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				if err == nil {
					late(o)
				}
				return o, err
			}
		}},
		{"Window", "send dates are declared and refused", "", func(b *broken) {
			b.encode = func(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
				if !s.Job.SendDate.IsZero() {
					return nil, postproof.NewError(postproof.CodeUnsupported, postproof.NotSent, errBroken)
				}
				return b.full.Encode(ctx, s)
			}
		}},
		{"Submit", "the acceptance is in another zone", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				if err == nil {
					late(o)
				}
				return o, err
			}
		}},
		{"Get", "the acceptance is in another zone", "", func(b *broken) {
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				o, err := b.full.Get(ctx, do, id)
				if err == nil {
					late(o)
				}
				return o, err
			}
		}},
		{"Find", "the acceptance is in another zone", "", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				found, err := b.full.Find(ctx, do, ref)
				if err == nil {
					for _, o := range found.Orders {
						late(o)
					}
				}
				return found, err
			}
		}},
		{"List", "a day is that of the caller's zone", "", func(b *broken) {
			b.list = func(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
				if !since.IsZero() {
					year, month, day := since.Date()
					since = time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
				}
				return b.full.List(ctx, do, since)
			}
		}},
		{"FindAged", "the orders of a week", "", lately(7*24*time.Hour, 0)},
		{"FindAged", "a day that begins later", "", lately(0, 8*time.Hour)},
		{"List", "a circle is read for ever", "", func(b *broken) {
			b.sim = func(s Simulator) Simulator { return shortPages{s} }
			b.list = func(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
				return func(yield func(*vendors.Order, error) bool) {
					for again := true; again; {
						again = false
						for o, err := range b.full.List(ctx, do, since) {
							again = again || (err != nil && strings.Contains(err.Error(), "comes back"))
							if !again && !yield(o, err) {
								return
							}
						}
					}
				}
			}
		}},
		{"Kinds", "letters are asked for where postcards are", "", func(b *broken) {
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				if err := onlyPostcards(id); err != nil {
					return nil, err
				}
				return b.full.Get(ctx, do, id)
			}
		}},
		{"Kinds", "letters are canceled where postcards are", "", func(b *broken) {
			b.cancel = func(ctx context.Context, do vendors.Doer, id string) error {
				return errors.Join(onlyPostcards(id), b.full.Cancel(ctx, do, strings.Replace(id, "ltr_", "psc_", 1)))
			}
		}},
		{"Kinds", "only postcards are looked up", "", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				found, err := b.full.Find(ctx, do, ref)
				if err == nil {
					found.Orders = slices.DeleteFunc(found.Orders, func(o *vendors.Order) bool { return onlyPostcards(o.Receipt.VendorID) != nil })
				}
				return found, err
			}
		}},
	}
}

// lately is an adapter whose look-up wants days: it finds what is no older than that, and
// nothing of the first hours of a day.
func lately(age, dawn time.Duration) func(b *broken) {
	return func(b *broken) {
		b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
			found, err := b.full.Find(ctx, do, ref)
			if err != nil {
				return nil, err
			}
			found.Orders = slices.DeleteFunc(found.Orders, func(o *vendors.Order) bool {
				at := o.Receipt.AcceptedAt
				return (age > 0 && found.VendorTime.Sub(at) > age) || at.Sub(at.Truncate(24*time.Hour)) < dawn
			})
			return found, nil
		}
	}
}

// bytesKeyed is Lob as a vendor whose key is one for its bytes: other bytes under a used
// key are another order.
type bytesKeyed struct{ Simulator }

func (v bytesKeyed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		sum := sha256.Sum256(append([]byte(key), body...))
		r.Header.Set("Idempotency-Key", hex.EncodeToString(sum[:16]))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	v.Simulator.ServeHTTP(w, r)
}

// TestKeyOfBytes: an adapter of such a vendor passes, as long as it does not say that
// bodies are compared.
func TestKeyOfBytes(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(checks(), func(c check) bool { return c.name == "Repeat" })
	for _, compared := range []bool{false, true} {
		found := checks()[i].problems(t.Context(), func() Harness {
			h := harness(t, "lob")
			adapter, ok := h.Adapter.(full)
			if !ok {
				t.Fatal("the good adapter lacks an operation")
			}
			b := &broken{full: adapter, caps: func(c *postproof.Capabilities) { c.Idempotency.BodyCompared = compared }}
			h.Adapter, h.Simulator = b.adapter(), bytesKeyed{h.Simulator}
			return h
		})
		if passes := len(found) == 0; passes == compared {
			t.Errorf("compared %t: %v", compared, found)
		}
	}
}
