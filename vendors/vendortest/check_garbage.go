package vendortest

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// rounds is how many answers each operation is fed.
const rounds = 120

// checkGarbage changes the vendor's true answers a little, which gets further
// into a parser than noise does.
func checkGarbage(b *bench) {
	r := b.setup()
	random := rand.New(rand.NewPCG(20, 26))
	s, order := r.accepted()
	id := order.Receipt.VendorID
	r.doer.Strike = func(int, *vendors.Request) *Fault {
		return &Fault{Rewrite: func(a *vendors.Response) {
			if random.IntN(3) > 0 {
				a.Body = spoil(random, a.Body)
			}
			if random.IntN(4) == 0 {
				a.Status = []int{200, 201, 202, 204, 206, 301, 400, 401, 409, 422, 500}[random.IntN(11)]
			}
			if random.IntN(4) == 0 {
				a.Header.Set("Date", "soon")
				a.Header.Set("Retry-After", "99999999999999999999")
				a.Header.Set("X-Rate-Limit-Reset", "-1")
			}
		}}
	}
	for round := range rounds {
		next := r.next()
		got, err := r.submit(next)
		if err == nil && got.Receipt.VendorID == "" {
			b.fatalf("accepted without an id")
		}
		if n := r.Simulator.Orders(string(next.Ref)); n > 0 && err != nil && !postproof.DeliveryOf(err).MayBeInTheMail() && !statusChanged(r) {
			b.fatalf("%v, but the vendor has the piece", postproof.DeliveryOf(err))
		}
		if got, err := vendors.Get(b.ctx, r.Adapter, r.doer, id); b.see(err) == nil && got.Receipt.VendorID != id {
			b.fatalf("Get returned another order")
		}
		if found, err := vendors.Find(b.ctx, r.Adapter, r.doer, s.Ref); b.see(err) == nil {
			for _, o := range found.Orders {
				if o.Receipt.VendorID == "" || o.Receipt.Ref != s.Ref {
					b.fatalf("Find returned an order without an id or with another reference")
				}
			}
		}
		if round%10 == 0 { // it grows with every submission
			_ = listAll(b, r, time.Time{}, nil)
			_, _ = logAll(b, r, time.Time{})
			_, _ = listUndeliverable(b, r, time.Time{})
		}
		b.note(vendors.Cancel(b.ctx, r.Adapter, r.doer, "garbage"))
	}
}

// statusChanged reports whether the last submission's answer was made a
// refusal, which the adapter must believe.
func statusChanged(r *rig) bool {
	for _, sent := range slices.Backward(r.doer.Sent) {
		if sent.Request.Op == postproof.OpSubmit {
			return sent.Answer != nil && sent.Answer.Status >= 400
		}
	}
	return true
}

// spoil returns the body with one thing changed.
func spoil(random *rand.Rand, body []byte) []byte {
	body = bytes.Clone(body)
	if len(body) == 0 {
		return []byte("x")
	}
	switch random.IntN(4) {
	case 0:
		return body[:random.IntN(len(body))]
	case 1:
		body[random.IntN(len(body))] ^= byte(1 << random.IntN(8))
		return body
	}
	var v any
	if json.Unmarshal(body, &v) != nil {
		return body[:len(body)/2]
	}
	spoilValue(random, &v)
	out, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return out
}

// spoilValue replaces one value somewhere in v, or removes it.
func spoilValue(random *rand.Rand, v *any) {
	switch x := (*v).(type) {
	case map[string]any:
		if len(x) == 0 || random.IntN(8) == 0 {
			break
		}
		skip := random.IntN(len(x))
		for _, k := range slices.Sorted(maps.Keys(x)) {
			if skip--; skip >= 0 {
				continue
			}
			if random.IntN(4) == 0 {
				delete(x, k)
				return
			}
			inner := x[k]
			spoilValue(random, &inner)
			x[k] = inner
			return
		}
		return
	case []any:
		if len(x) == 0 || random.IntN(8) == 0 {
			break
		}
		spoilValue(random, &x[random.IntN(len(x))])
		return
	}
	*v = []any{nil, "", "x", 0.0, -1.0, 1e300, true, []any{}, map[string]any{}, []any{nil}}[random.IntN(10)]
}
