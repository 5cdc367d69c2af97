package callback_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/vendors/signature"
)

func contains(s, sub string) bool { return strings.Contains(s, sub) }

const (
	alertKey    = "whsec_YW4gYWxlcnQga2V5IG9mIDMyIGJ5dGVzIGluIGFsbCE="
	alertKeyOld = "whsec_dGhlIG9sZCBrZXkgb2YgMzIgYnl0ZXMsIHJvdGF0ZWQh"
)

// Alerts are signed with every active secret, so that the receiver verifies them
// with whichever it has, and what came is the alert.
func TestHTTPNotifierSignsWhatItPosts(t *testing.T) {
	t.Parallel()
	var got callback.Alert
	status := http.StatusNoContent
	lis := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, key := range []string{alertKey, alertKeyOld} {
			v, err := signature.StandardWebhooks{}.NewVerifier(key)
			if err != nil {
				t.Error(err)
			} else if err := v.Verify(r.Header, body, alertTime()); err != nil {
				t.Errorf("not signed: %v", err)
			}
		}
		if id := r.Header.Get("Webhook-Id"); id != "msg_X" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("id %q, headers %v", id, r.Header)
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	n, err := callback.NewHTTPNotifier("http://owner/alerts", alertKey, alertKeyOld)
	if err != nil {
		t.Fatal(err)
	}
	n.Clock = fixedClock(alertTime())
	n.Client = &http.Client{
		Transport:     &http.Transport{DialContext: lis.Dial},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
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
	if err := (&callback.HTTPNotifier{}).Notify(t.Context(), want); err == nil {
		t.Error("an alert was sent without a signature")
	}
	status = http.StatusOK
	if err := n.Notify(t.Context(), callback.Alert{ID: "a.b"}); err == nil {
		t.Error("an id that cannot be signed was posted")
	}
}

func alertTime() time.Time { return time.Unix(1e9, 0) }

type fixedClock time.Time

func (c fixedClock) Now() time.Time                       { return time.Time(c) }
func (c fixedClock) After(time.Duration) <-chan time.Time { return make(chan time.Time) }

// What is wrong is said when the notifier is made, and neither errors nor logs
// hold the URL or a secret.
func TestHTTPNotifierKeepsItsSecrets(t *testing.T) {
	t.Parallel()
	const token = "token-of-the-url"
	for name, tc := range map[string]struct {
		url     string
		secrets []string
	}{
		"no secret":      {"https://owner/" + token, nil},
		"short secret":   {"https://owner/" + token, []string{"whsec_c2hvcnQ="}},
		"no such secret": {"https://owner/" + token, []string{alertKey, "plain-text-which-is-no-base64"}},
		"a public key":   {"https://owner/" + token, []string{"whpk_YW4gYWxlcnQga2V5IG9mIDMyIGJ5dGVzIGluIGFsbCE="}},
		"no URL":         {"", []string{alertKey}},
		"no host":        {"/alerts/" + token, []string{alertKey}},
		"another scheme": {"ftp://owner/" + token, []string{alertKey}},
		"unreadable URL": {"https://owner/\x00" + token, []string{alertKey}},
	} {
		_, err := callback.NewHTTPNotifier(tc.url, tc.secrets...)
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, hidden := range append(tc.secrets, token) {
			if contains(err.Error(), hidden) {
				t.Errorf("%s: the error holds it: %v", name, err)
			}
		}
	}
	n, err := callback.NewHTTPNotifier("https://owner/"+token, alertKey)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("made", "notifier", n)
	for _, text := range []string{fmt.Sprint(n), fmt.Sprintf("%+v", n), fmt.Sprintf("%#v", n), fmt.Sprintf("%+v", *n), log.String()} {
		if contains(text, token) || contains(text, alertKey[len("whsec_"):]) {
			t.Errorf("printed: %s", text)
		}
	}
}

// When the handler fails for everything, the owner is told once, then of how
// many more.
func TestAlertsOfOneKindAreGathered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		w := newWorld(t, memory(), newPrinter(t), callback.WithNotifier(&told),
			callback.WithHandler(func(context.Context, callback.Update) error { return errors.New("down") }))
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
				})), callback.WithHandler(func(ctx context.Context, u callback.Update) error {
					if u.Event.ID == "bad" {
						return errors.New("down")
					}
					return got.handle(ctx, u)
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
