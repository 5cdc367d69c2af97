package callback_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

func TestCallbackMovesThePieceAndCallsTheHandler(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, store client.Store) {
		t.Helper()
		var got calls
		w := newWorld(t, store, newPrinter(t), callback.WithHandler(got.handle))
		o := w.mailed(t, "a")
		send(t, w.rx, http.StatusOK, note{ID: "evt_1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		if diff := cmp.Diff(callback.Drained{Applied: 1}, w.drain(t)); diff != "" {
			t.Errorf("drained (-want +got):\n%s", diff)
		}
		rec := w.status(t, "a")
		if rec.Status.Stage != postproof.StageMailed || rec.Status.Source != postproof.SourceCallback || rec.Status.SeenAt.IsZero() {
			t.Errorf("status %+v", rec.Status)
		}
		if got.count() != 1 || !got.all[0].Fresh || got.all[0].Record.Status.Stage != postproof.StageMailed || got.all[0].Event.Account == "" {
			t.Errorf("the handler got %+v", got.all)
		}
		if all := w.messages(t, idempotency.MessageApplied); len(all) != 1 {
			t.Errorf("applied messages: %v", all)
		}
	})
}

func TestCallbackBeforeTheAnswerSettlesAnUnknownSubmission(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t)
		p.fault = func(int) string { return "lose" }
		w := newWorld(t, memory(), p)
		if _, err := w.mail.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		o := p.order(0)
		send(t, w.rx, http.StatusOK, note{ID: "evt_1", Piece: o.ID, Ref: o.Ref, Status: "rendered"})
		w.drain(t)
		rec := w.status(t, "a")
		if rec.State != idempotency.Accepted || rec.Receipt.VendorID != o.ID || rec.Status.Stage != postproof.StageRendered {
			t.Errorf("record %v, receipt %+v, status %+v", rec, rec.Receipt, rec.Status)
		}
	})
}
