package retry_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

// A round tripper that gives up without waiting for its transport leaves that at
// the point of writing. Whatever the transport still does, an attempt that says
// that nothing was sent has sent nothing. Nobody can hold the moment between the
// verdict and the end of the attempt still, so it is met by chance, often.
func TestGivingUpWhileTheTransportWrites(t *testing.T) {
	t.Parallel()
	givesUpWithinTheWrite(t)
	v := &vendor{serve: always(200, "")}
	spins, calls := 0, 4_000
	if raceEnabled { // it is for what that does not see, and slow there
		calls = 400
	}
	s := newGivingUp(t, v, v.dial, func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		var near atomic.Bool
		spins := spins                                         // the transport goes on when this has returned
		trace := &httptrace.ClientTrace{WroteHeaders: func() { // into a buffer
			near.Store(true)
			for range spins {
				_ = near.Load()
			}
		}}
		inner := req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
		go func() {
			defer near.Store(true)
			if resp, err := next.RoundTrip(inner); err == nil {
				_ = resp.Body.Close()
			}
		}()
		for !near.Load() {
			runtime.Gosched()
		}
		return nil, errors.New("gave up")
	})
	for i := range calls {
		spins = i % 4000
		resp, err := s.Do(t.Context(), post(postproof.RepeatNever))
		e, detail := failed(t, resp, err)
		if e.Delivery == postproof.NotSent && detail.Sends != 0 {
			t.Fatalf("call %d: %v with %d sends", i, e.Delivery, detail.Sends)
		}
	}
}

// heldConn holds its first write still.
type heldConn struct {
	net.Conn
	once          sync.Once
	begun, goesOn chan struct{}
}

func (c *heldConn) Write(p []byte) (int, error) {
	c.once.Do(func() {
		close(c.begun)
		<-c.goesOn
	})
	return c.Conn.Write(p)
}

// quitter is a wrapper that says that a request goes to the next one only: of
// others nothing is known to be not sent.
type quitter struct{ wrapper }

func (q *quitter) Unwrap() http.RoundTripper { return q.next }

func newGivingUp(t *testing.T, v *vendor, dial func(context.Context, string, string) (net.Conn, error),
	f func(http.RoundTripper, *http.Request) (*http.Response, error),
) *retry.Sender {
	t.Helper()
	transport, err := retry.NewTransport(retry.TransportConfig{DialContext: dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		v.wait.Wait()
	})
	return newSenderOn(t, retry.Config{MaxAttempts: 1, Transport: &quitter{wrapper{transport, f}}})
}

// The one moment that can be held still: the write has begun, and has not returned.
func givesUpWithinTheWrite(t *testing.T) {
	t.Helper()
	v := &vendor{serve: always(200, "")}
	begun, goesOn, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	held := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := v.dial(ctx, network, address)
		return &heldConn{Conn: conn, begun: begun, goesOn: goesOn}, err
	}
	s := newGivingUp(t, v, held, func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		go func() {
			defer close(over)
			if resp, err := next.RoundTrip(req); err == nil {
				_ = resp.Body.Close()
			}
		}()
		<-begun
		return nil, errors.New("gave up")
	})
	resp, err := s.Do(t.Context(), post(postproof.RepeatNever))
	close(goesOn)
	<-over
	if e, _ := failed(t, resp, err); e.Delivery != postproof.Unknown {
		t.Errorf("within a write: %v, want unknown", e.Delivery)
	}
}
