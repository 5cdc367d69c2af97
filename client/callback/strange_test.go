package callback_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof/client/callback"
)

// Of two processes on one inbox, as while a new endpoint is rolled out, one knows the
// account. What the other one claims is left to it, and is no failure of the event; where
// nobody knows the account the owner is told.
func TestEventsOfAnEndpointOfAnotherProcess(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"one knows it": true, "nobody knows it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const events = 12
				var told alerts
				var got calls
				w := newWorld(t, memory(), newPrinter(t), callback.WithNotifier(&told), callback.WithHandler(got.handle))
				other := newPrinter(t)
				other.key = "another account's"
				strange := receiver(t, newClient(t, w.store, w.p), []callback.Endpoint{{Adapter: other, Secrets: []string{secret2}}}, callback.WithNotifier(&told))
				takes := receiver(t, w.mail, []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}})
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				go func() { _ = strange.Run(ctx) }()
				if known {
					go func() { _ = w.rx.Run(ctx) }()
				}
				for i := range events {
					o := w.mailed(t, fmt.Sprint("job-", i))
					time.Sleep(time.Duration(i) * 7 * time.Millisecond)
					send(t, takes, 200, note{ID: fmt.Sprint(i), Piece: o.ID, Ref: o.Ref, Status: "mailed"})
				}
				time.Sleep(5 * time.Minute)
				failed := 0
				for _, m := range w.messages(t) {
					failed += m.Tries
				}
				if known && got.count() != events || failed > 0 || len(told.kinds()) > 0 {
					t.Errorf("%d of %d handled, %d failures, alerts %v", got.count(), events, failed, told.kinds())
				}
				time.Sleep(25 * time.Minute)
				if n := len(told.kinds()); (n == 0) != known {
					t.Errorf("%d alerts after half an hour: %+v", n, told.all)
				}
				stop()
				synctest.Wait()
			})
		})
	}
}
