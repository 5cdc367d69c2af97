package retry_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

// A keyed request whose window is unknown, or closes, is not repeated.
func TestKeyWindow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		window time.Duration // 0: none given
		stop   retry.Stop
		seen   int
	}{
		"none":   {0, retry.StopVerdict, 1},
		"closes": {time.Second, retry.StopNotAfter, 1},
		"open":   {time.Hour, retry.StopAttempts, 3},
		"passed": {-time.Second, retry.StopNotAfter, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &vendor{serve: func(int, net.Conn, []byte) bool {
					time.Sleep(2 * time.Second)
					return false
				}}
				r := post(postproof.RepeatKeyed)
				r.NotAfter = time.Time{}
				if tt.window != 0 {
					r.NotAfter = time.Now().Add(tt.window)
				}
				resp, err := newSender(t, v, retry.Config{}).Do(t.Context(), r)
				_, detail := failed(t, resp, err)
				if detail.Stop != tt.stop || v.count() != tt.seen {
					t.Errorf("stop %v, seen %d; want %v, %d", detail.Stop, v.count(), tt.stop, tt.seen)
				}
				if want := tt.stop == retry.StopNotAfter; errors.Is(err, retry.ErrTooLate) != want {
					t.Errorf("errors.Is(ErrTooLate) is not %v: %v", want, err)
				}
				if tt.seen == 0 && (postproof.DeliveryOf(err) != postproof.NotSent || len(detail.Attempts) != 0) {
					t.Errorf("delivery %v after %d attempts, want not_sent after 0", postproof.DeliveryOf(err), len(detail.Attempts))
				}
			})
		})
	}
}

// Not-after is checked when the connection is at hand: a dial that takes too
// long must not end in a send.
func TestNotAfterAtTheConnection(t *testing.T) {
	t.Parallel()
	for _, class := range []postproof.Repeat{postproof.RepeatNever, postproof.RepeatKeyed} {
		t.Run(class.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &vendor{serve: always(200, "")}
				transport, err := retry.NewTransport(retry.TransportConfig{
					DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
						time.Sleep(5 * time.Second)
						return v.dial(ctx, network, address)
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				defer transport.CloseIdleConnections()
				r := post(class)
				r.NotAfter = time.Now().Add(2 * time.Second)
				resp, err := newSenderOn(t, retry.Config{Transport: transport}).Do(t.Context(), r)
				e, detail := failed(t, resp, err)
				if v.count() != 0 || detail.Sends != 0 || e.Delivery != postproof.NotSent {
					t.Errorf("seen %d, sends %d, %v; want 0, 0, not_sent", v.count(), detail.Sends, e.Delivery)
				}
				if !errors.Is(err, retry.ErrTooLate) {
					t.Errorf("error is not ErrTooLate: %v", err)
				}
			})
		})
	}
}
