package callback_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// A callback about a piece that the ledger does not know is kept as evidence: it
// waits for the record for a while, then it is parked, told and listed.
func TestUnmatchedCallbackIsEvidence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		var got calls
		w := newWorld(t, memory(), newPrinter(t), callback.WithNotifier(&told), callback.WithHandler(got.handle))
		send(t, w.rx, 200, note{ID: "1", Piece: "psc_99", Ref: "ABCDEFGHJKLMNPQR", Status: "mailed"})
		did := w.drain(t)
		evidence := list(t, w.rx, callback.Query{Unmatched: true})
		if did.Parked != 1 || len(evidence) != 1 || evidence[0].State != idempotency.MessageParked || len(evidence[0].Body) == 0 || got.count() != 0 {
			t.Errorf("drained %+v, evidence %v, %d calls", did, evidence, got.count())
		}
		if diff := cmp.Diff([]callback.AlertKind{callback.AlertUnmatched}, told.kinds()); diff != "" {
			t.Errorf("alerts (-want +got):\n%s", diff)
		}
		var incidents []string
		for e, err := range w.mail.Incidents(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			incidents = append(incidents, string(e.Kind)+" "+e.VendorID)
		}
		if diff := cmp.Diff([]string{"callback_unmatched psc_99"}, incidents); diff != "" {
			t.Errorf("incidents (-want +got):\n%s", diff)
		}
	})
}

// An event that carries the vendor's id alone may come before we know that id:
// it is applied as soon as the answer is there.
func TestCallbackByVendorIDWaitsForTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t)
		p.hang = make(chan struct{})
		w := newWorld(t, memory(), p)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.rx.Run(ctx) }()
		go func() { _, _ = w.mail.Submit(ctx, job("a")) }()
		synctest.Wait()
		send(t, w.rx, 200, note{ID: "1", Piece: "psc_1", Status: "mailed"})
		time.Sleep(5 * time.Second)
		close(p.hang)
		time.Sleep(time.Minute)
		if rec := w.status(t, "a"); rec.State != idempotency.Accepted || rec.Status.Stage != postproof.StageMailed {
			t.Errorf("record %v, status %+v", rec, rec.Status)
		}
		stop()
		synctest.Wait()
	})
}

// What the vendor has signed and this version cannot read is kept: a newer one
// reads it.
func TestUnreadableCallbackIsParkedAndReplayed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, memory(), newPrinter(t))
		sendTo(t, w.rx, 200, rawRequest("/printer", secret, []byte(`{"events":"of tomorrow"}`)))
		sendTo(t, w.rx, 200, rawRequest("/printer", secret, []byte(`[{"id":"2","piece":"x","status":"panic"}]`)))
		if did := w.drain(t); did.Parked != 2 {
			t.Errorf("drained %+v", did)
		}
		for _, m := range list(t, w.rx, callback.Query{}) {
			if len(m.Body) == 0 || !strings.HasPrefix(m.LastError, "unreadable: ") || strings.Contains(m.LastError, "ann@") {
				t.Errorf("message %+v", m)
			}
			if err := w.rx.Verify(t.Context(), m.ID); err != nil {
				t.Error(err)
			}
		}
	})
}

// An event about something that is no piece is kept, and nothing else is done.
func TestEventAboutNoPieceIsOnlyKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, memory(), newPrinter(t))
	send(t, w.rx, 200, note{ID: "1", Status: "test_url"})
	sendTo(t, w.rx, 200, rawRequest("/printer", secret, []byte(`[]`)))
	if did := w.drain(t); did != (callback.Drained{}) || len(w.messages(t, idempotency.MessageApplied)) != 2 {
		t.Errorf("drained %+v, messages %v", did, w.messages(t))
	}
}

// An event of a job that was pruned changes nothing, and does not wait for ever.
func TestEventOfAPrunedJobIsIgnored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		w := newWorld(t, store, newPrinter(t))
		o := w.mailed(t, "a")
		send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "delivered"})
		w.drain(t)
		if _, err := w.mail.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := w.mail.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if n, err := store.Prune(t.Context(), time.Now().Add(time.Hour), 10); err != nil || n != 1 {
			t.Fatalf("pruned %d, %v: %v", n, err, w.status(t, "a"))
		}
		send(t, w.rx, http.StatusOK, note{ID: "2", Piece: o.ID, Ref: o.Ref, Status: "returned"})
		if did := w.drain(t); did.Ignored != 1 || did.Parked != 0 {
			t.Errorf("drained %+v", did)
		}
	})
}

// Events of pieces that another program sends with the same account are ignored
// in the end, and nobody is told.
func TestForeignPiecesAreIgnored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		w := newWorld(t, memory(), newPrinter(t), callback.WithNotifier(&told))
		send(t, w.rx, 200, note{ID: "1", Piece: "psc_99", Status: "mailed"})
		did := w.drain(t)
		if did.Ignored != 1 || did.Parked != 0 || len(told.kinds()) != 0 {
			t.Errorf("drained %+v, alerts %v", did, told.kinds())
		}
		if all := list(t, w.rx, callback.Query{Unmatched: true}); len(all) != 1 || all[0].State != idempotency.MessageIgnored {
			t.Errorf("listed %v", all)
		}
	})
}

// plain is a printer whose parser returns errors of no class.
type plain struct{ *printer }

func (plain) ParseCallback(http.Header, []byte) ([]*vendors.Notice, error) {
	return nil, errors.New("cannot read the mail of ann@example.com")
}

// A callback that the adapter cannot read is at fault itself, whatever the error:
// it is parked, and does not come up for ever.
func TestPlainParseErrorParks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t)
		w := &world{store: memory(), p: p}
		w.mail = newClient(t, w.store, p)
		w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: plain{p}, Secrets: []string{secret}}})
		send(t, w.rx, 200, note{ID: "1", Piece: "x", Status: "mailed"})
		if did := w.drain(t); did.Parked != 1 || did.Failures != 10 {
			t.Errorf("drained %+v", did)
		}
		if m := w.messages(t)[0]; strings.Contains(m.LastError, "ann@") {
			t.Errorf("kept: %s", m.LastError)
		}
	})
}
