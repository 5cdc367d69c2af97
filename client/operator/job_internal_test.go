package operator

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Two terminals of one person are two workers.
func TestEachClientHasItsOwner(t *testing.T) {
	t.Parallel()
	one, two := ownerOf("ann"), ownerOf("ann")
	if one == two || !strings.HasPrefix(one, "operator ann/") {
		t.Errorf("owners %q and %q, want two that name ann", one, two)
	}
}

// When something was sent last is not when the ledger was recovered, nor when the
// send that is under way has to be over.
func TestLastSendIsASend(t *testing.T) {
	t.Parallel()
	caps := &postproof.Capabilities{
		Vendor: "alpha", Idempotency: postproof.Idempotency{Kind: postproof.IdempotencyKey}, Lookup: postproof.Lookup{ByRef: true},
	}
	m := idempotency.Machine{Caps: func(string) *postproof.Capabilities { return caps }}
	now := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	rec := &idempotency.Record{
		Version: idempotency.RecordVersion, ID: idempotency.IDOf("a"), Key: "a", Mode: postproof.ModeTest, State: idempotency.Planned,
		Generation: 1, Fence: 1, CreatedAt: now, UpdatedAt: now, PlannedAt: now, Due: now,
	}
	do := func(ev idempotency.Event) {
		t.Helper()
		ch, err := m.Apply(rec, now, ev)
		if err != nil {
			t.Fatal(err)
		}
		rec = ch.Record
	}
	send := func() {
		t.Helper()
		rec.Lease = idempotency.Lease{Owner: "w", Until: now.Add(2 * time.Minute)}
		do(idempotency.Intend{Owner: "w", Vendor: "alpha", Account: "a", Mode: postproof.ModeTest, Ref: "REF", VendorKey: "k", Encoder: "e", Digest: "d"})
	}
	want := func(what string, at time.Time) {
		t.Helper()
		if got := new(run).jobOf(rec).Submissions[0].Last; !got.Equal(at) || lastSend(&rec.Submissions[0], now) != moment(at, now) {
			t.Errorf("%s: %s and %q, want %s", what, got, lastSend(&rec.Submissions[0], now), at)
		}
	}
	first := now
	send()
	want("while it is sent", first)
	lost := func() {
		t.Helper()
		now = now.Add(time.Second)
		do(idempotency.Answer{Vendor: "alpha", Ref: "REF", Intent: rec.Current().Intent, Delivery: postproof.Unknown, Sends: 1, Code: postproof.CodeUnavailable})
	}
	lost()
	want("after a send", first)
	now = now.Add(time.Hour)
	send()
	lost()
	second := now
	want("after a second one", second)
	latest := rec.Current().NotAfter
	now = now.Add(24 * time.Hour)
	do(idempotency.Suspect{Vendors: []idempotency.SuspectVendor{{Vendor: "alpha", Account: "a", Refs: map[int]postproof.Ref{2: "REF2"}}}})
	want("after a recovery", latest)
	if got := lastSend(&rec.Submissions[1], now); got != "" || !new(run).jobOf(rec).Submissions[1].Last.IsZero() {
		t.Errorf("what was suspected was last sent %q", got)
	}
}

// Whoever asks where a piece is wants its tracking number, and when it is expected.
func TestShowTellsWhatTheReceiptKnows(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	rec := &idempotency.Record{
		Version: idempotency.RecordVersion, ID: idempotency.IDOf("a"), Mode: postproof.ModeTest, State: idempotency.Accepted, Generation: 1,
		Receipt: postproof.Receipt{Vendor: "alpha", VendorID: "psc_1", TrackingID: "92071902358909000011275538", ExpectedDelivery: now.AddDate(0, 0, 5), AcceptedAt: now},
	}
	for _, asJSON := range []bool{false, true} {
		out.Reset()
		w := bufio.NewWriter(&out)
		r := &run{Config: Config{Clock: postproof.SystemClock()}, out: &printer{w: w, width: usualWidth, json: asJSON}}
		r.show(rec)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"92071902358909000011275538", "2027-03-06"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("does not say %s:\n%s", want, out.String())
			}
		}
	}
}

// A list of somebody's mail says why there is none yet, and what of a wish became.
func TestWhereaboutsOfAPiece(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 3, 6, 0, 0, 0, 0, time.UTC)
	for want, rec := range map[string]*idempotency.Record{
		"erased":                             {State: idempotency.Accepted, Cancel: idempotency.CancelWish{At: at, Outcome: idempotency.CancelLeft}},
		"to be canceled":                     {Key: "a", State: idempotency.Accepted, Cancel: idempotency.CancelWish{At: at}},
		"too late to be canceled":            {Key: "a", State: idempotency.Done, Cancel: idempotency.CancelWish{At: at, Outcome: idempotency.CancelTooLate}},
		"waits for a person: cap":            {Key: "a", State: idempotency.Held, Hold: idempotency.Hold{Reason: idempotency.HoldCap}},
		"its vendor is being asked":          {Key: "a", State: idempotency.Unknown},
		"expected 2027-03-06":                {Key: "a", State: idempotency.Accepted, Receipt: postproof.Receipt{ExpectedDelivery: at}},
		"invalid_argument by alpha (zip_no)": {Key: "a", State: idempotency.Refused, Refusal: idempotency.Refusal{Code: postproof.CodeInvalidArgument, Vendor: "alpha", VendorCode: "zip_no"}},
		"":                                   {Key: "a", State: idempotency.Planned},
	} {
		if got := whereabouts(rec); got != want {
			t.Errorf("%s: %q, want %q", rec.State, got, want)
		}
	}
}
