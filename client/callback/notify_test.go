package callback_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/client/callback"
)

func contains(s, sub string) bool { return strings.Contains(s, sub) }

// signAlert signs as the Standard Webhooks specification has it.
func signAlert(id string, body []byte, at time.Time) (http.Header, error) {
	mac := hmac.New(sha256.New, []byte("alert-secret"))
	fmt.Fprintf(mac, "%s.%d.%s", id, at.Unix(), body)
	return http.Header{
		"Webhook-Id": {id}, "Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)},
		"Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}, nil
}

func TestHTTPNotifierSignsWhatItPosts(t *testing.T) {
	t.Parallel()
	var got callback.Alert
	status := http.StatusNoContent
	lis := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n, _ := strconv.ParseInt(r.Header.Get("Webhook-Timestamp"), 10, 64)
		want, _ := signAlert(r.Header.Get("Webhook-Id"), body, time.Unix(n, 0))
		if r.Header.Get("Webhook-Signature") != want.Get("Webhook-Signature") || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("headers %v", r.Header)
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	n := &callback.HTTPNotifier{URL: "http://owner/alerts", Sign: signAlert, Client: &http.Client{
		Transport:     &http.Transport{DialContext: lis.dial},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	want := callback.Alert{ID: "X", At: time.Unix(1, 0).UTC(), Kind: callback.AlertParked, Vendor: "printer", Message: 7, Tries: 10, Reason: "handler: *errors.errorString"}
	if err := n.Notify(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alert (-want +got):\n%s", diff)
	}
	for _, status = range []int{500, 404, 302} {
		if err := n.Notify(t.Context(), want); err == nil {
			t.Errorf("status %d is no error", status)
		}
	}
	if err := (&callback.HTTPNotifier{URL: "http://owner/alerts"}).Notify(t.Context(), want); err == nil {
		t.Error("an alert was sent without a signature")
	}
}

// When the handler fails for everything, the owner is told once, then of how
// many more.
func TestAlertsOfOneKindAreGathered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		w := newWorld(t, memory(), newPrinter(t), callback.WithNotifier(&told),
			callback.WithHandler(func(context.Context, callback.Delivery) error { return errors.New("down") }))
		for i := range 100 {
			o := w.mailed(t, fmt.Sprint("job-", i))
			send(t, w.rx, 200, note{ID: fmt.Sprint(i), Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.rx.Run(ctx) }()
		time.Sleep(time.Hour)
		told.mu.Lock()
		n, sum := len(told.all), 0
		for _, a := range told.all {
			sum += 1 + a.More
		}
		told.mu.Unlock()
		if n < 2 || n > 4 || sum != 100 {
			t.Errorf("%d alerts about %d events, want a few about 100", n, sum)
		}
		stop()
		synctest.Wait()
	})
}

// A notifier that fails is tried again, and one that hangs or panics holds no
// worker up.
func TestNotifierThatFailsHoldsNothingUp(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]func(context.Context) error{
		"fails": func(context.Context) error { return errors.New("no") }, "hangs": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"panics": func(context.Context) error { panic("no") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var tries, sent atomic.Int64
				var got calls
				w := newWorld(t, memory(), newPrinter(t), callback.WithNotifier(callback.NotifierFunc(func(ctx context.Context, _ callback.Alert) error {
					if tries.Add(1) < 3 {
						return bad(ctx)
					}
					sent.Add(1)
					return nil
				})), callback.WithHandler(func(ctx context.Context, d callback.Delivery) error {
					if d.Event.ID == "bad" {
						return errors.New("down")
					}
					return got.handle(ctx, d)
				}))
				a, b := w.mailed(t, "a"), w.mailed(t, "b")
				send(t, w.rx, 200, note{ID: "bad", Piece: a.ID, Ref: a.Ref, Status: "mailed"})
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				go func() { _ = w.rx.Run(ctx) }()
				for tries.Load() == 0 {
					time.Sleep(time.Second)
				}
				send(t, w.rx, 200, note{ID: "good", Piece: b.ID, Ref: b.Ref, Status: "mailed"})
				time.Sleep(2 * time.Second)
				if got.count() != 1 {
					t.Error("a worker waits for the notifier")
				}
				time.Sleep(5 * time.Minute)
				if tries.Load() != 3 || sent.Load() != 1 {
					t.Errorf("%d tries, %d sent", tries.Load(), sent.Load())
				}
				stop()
				synctest.Wait()
			})
		})
	}
}
