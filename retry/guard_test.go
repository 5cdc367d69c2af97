package retry_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

// Whoever repeats below the sender, a request of class never is written once.
func TestRepeatingWrapperIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: func(int, net.Conn, []byte) bool { return false }}
		s := newSender(t, v, retry.Config{Transport: &wrapper{
			f: func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
				if req.GetBody != nil || req.Header["Idempotency-Key"] != nil {
					t.Error("net/http would take the request for repeatable")
				}
				again := req.Clone(req.Context())
				again.Body, again.ContentLength = nil, 0
				resp, err := next.RoundTrip(req)
				if err == nil {
					_ = resp.Body.Close()
				}
				return next.RoundTrip(again)
			},
		}})
		resp, err := s.Do(t.Context(), post(postproof.RepeatNever))
		e, detail := failed(t, resp, err)
		if v.count() != 1 || detail.Sends != 1 || e.Delivery != postproof.Unknown {
			t.Errorf("seen %d, sends %d, %v; want 1, 1, unknown", v.count(), detail.Sends, e.Delivery)
		}
	})
}

// stepClock jumps over the not-after once it was asked often enough: the
// process was frozen between two looks at the clock.
type stepClock struct {
	postproof.Clock
	mu    sync.Mutex
	after int
	jump  time.Duration
}

func (c *stepClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Clock.Now()
	if c.after--; c.after < 0 {
		now = now.Add(c.jump)
	}
	return now
}

func TestStallAnywhereBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	sent := 0
	for looks := range 8 {
		synctest.Test(t, func(t *testing.T) {
			v := &vendor{serve: always(200, "")}
			s := newSender(t, v, retry.Config{Clock: &stepClock{Clock: postproof.SystemClock(), after: looks, jump: time.Hour}})
			r := post(postproof.RepeatKeyed)
			r.NotAfter = time.Now().Add(time.Minute)
			if _, err := s.Do(t.Context(), r); err == nil {
				sent++
			} else if !errors.Is(err, retry.ErrTooLate) || v.count() != 0 || postproof.DeliveryOf(err) != postproof.NotSent {
				t.Errorf("stall at look %d: vendor saw %d: %v", looks, v.count(), err)
			}
			// Start of the call and of the attempt, connection, first byte.
			if want := looks >= 4; (v.count() == 1) != want {
				t.Errorf("stall at look %d: sent is %v, want %v", looks, !want, want)
			}
		})
	}
	if sent != 4 {
		t.Errorf("%d calls were sent, want 4", sent)
	}
}

// Being too late costs one idle connection, not all of them.
func TestTooLateKeepsIdleConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: func(_ int, conn net.Conn, _ []byte) bool {
			time.Sleep(time.Second) // so that calls overlap
			return answer(conn, 200, "")
		}}
		stall := time.Duration(0)
		s := newSender(t, v, retry.Config{OnAttempt: func(ctx context.Context, _ retry.AttemptStart) context.Context {
			time.Sleep(stall)
			return ctx
		}})
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { _, _ = s.Do(t.Context(), get()) })
		}
		wg.Wait()
		synctest.Wait()
		stall = 2 * time.Second
		r := post(postproof.RepeatKeyed)
		r.NotAfter = time.Now().Add(time.Second)
		resp, err := s.Do(t.Context(), r)
		e, _ := failed(t, resp, err)
		synctest.Wait()
		if dials, open := v.conns(); dials != 5 || open < 4 {
			t.Errorf("%d connections made, %d left; want 5 and at least 4", dials, open)
		}
		if e.Delivery != postproof.NotSent || !errors.Is(err, retry.ErrTooLate) {
			t.Errorf("got %v: %v", e.Delivery, err)
		}
	})
}

// A wait that ends after the not-after is not begun.
func TestNotAfterBeforeTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: always(429, "", "Retry-After: 4")}
		r := post(postproof.RepeatKeyed)
		r.NotAfter = time.Now().Add(2 * time.Second)
		start := time.Now()
		resp, err := newSender(t, v, retry.Config{}).Do(t.Context(), r)
		_, detail := failed(t, resp, err)
		if time.Since(start) != 0 || detail.Stop != retry.StopNotAfter || !errors.Is(err, retry.ErrTooLate) {
			t.Errorf("gave up after %v, stop %v: %v", time.Since(start), detail.Stop, err)
		}
	})
}

// The header of an attempt is its own.
func TestHeaderIsCloned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: always(500, "")}
		s := newSender(t, v, retry.Config{Transport: &wrapper{
			f: func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
				if got := req.Header.Values("Traceparent"); len(got) != 0 {
					t.Errorf("attempt starts with %v of the one before", got)
				}
				if got := req.Header.Get("Content-Type"); got != "application/pdf" {
					t.Errorf("content type %q", got)
				}
				if got := req.Header.Values("Baggage"); len(got) != 1 {
					t.Errorf("attempt starts with the baggage %v", got)
				}
				req.Header.Add("Traceparent", "x")
				req.Header.Add("Baggage", "x")
				return next.RoundTrip(req)
			},
		}})
		r := post(postproof.RepeatKeyed)
		r.ContentType = "application/pdf"
		baggage := make([]string, 1, 4) // with room for what is added
		r.Header["Baggage"] = baggage
		fields := len(r.Header)
		resp, err := s.Do(t.Context(), r)
		_, _ = failed(t, resp, err)
		if v.count() != 3 || len(r.Header) != fields || baggage[:2][1] != "" {
			t.Errorf("%d sends, caller's header %v", v.count(), r.Header)
		}
	})
}

// A judge that sees success where none can be does not decide.
func TestJudgeCannotAccept(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(int, net.Conn, []byte) bool{
		"redirect": always(302, "", "Location: http://other.test/"),
		"half a 404": func(_ int, conn net.Conn, _ []byte) bool {
			_, _ = io.WriteString(conn, "HTTP/1.1 404 X\r\nContent-Length: 100\r\n\r\nhalf")
			return false
		},
		"half a 200": func(_ int, conn net.Conn, _ []byte) bool {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := &vendor{serve: serve}
			r := post(postproof.RepeatNever)
			r.Judge = func(int, http.Header, []byte) error { return nil }
			resp, err := newSender(t, v, retry.Config{}).Do(t.Context(), r)
			if e, _ := failed(t, resp, err); e.Delivery != postproof.Unknown || v.count() != 1 {
				t.Errorf("got %v after %d sends", e.Delivery, v.count())
			}
		})
	}
	t.Run("not sent is refused", func(t *testing.T) {
		t.Parallel()
		v := &vendor{serve: always(422, "")}
		r := post(postproof.RepeatNever)
		r.Judge = func(int, http.Header, []byte) error {
			return postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, nil)
		}
		resp, err := newSender(t, v, retry.Config{}).Do(t.Context(), r)
		if e, _ := failed(t, resp, err); e.Delivery != postproof.Refused {
			t.Errorf("got %v, want refused", e.Delivery)
		}
	})
}

// An inner call that got no connection proves nothing about the outer one.
func TestInnerTraceProvesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refuse, err := retry.NewTransport(retry.TransportConfig{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("refused")
		}})
		if err != nil {
			t.Fatal(err)
		}
		inner := newSenderOn(t, retry.Config{Transport: refuse})
		s := newSenderOn(t, retry.Config{Transport: promising{wrapper{next: refuse, f: func(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
			resp, err := inner.Do(req.Context(), get())
			_, _ = failed(t, resp, err)
			return nil, errors.New("and then something unseen broke")
		}}}})
		resp, err := s.Do(t.Context(), post(postproof.RepeatNever))
		if e, _ := failed(t, resp, err); e.Delivery != postproof.Unknown {
			t.Errorf("got %v, want unknown", e.Delivery)
		}
	})
}

// A certificate that is not trusted now will not be in 50 ms.
func TestBadCertificateIsNotRepeated(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	r := get()
	r.URL = srv.URL
	s := newSenderOn(t, retry.Config{})
	resp, err := s.Do(t.Context(), r)
	e, detail := failed(t, resp, err)
	if e.Delivery != postproof.NotSent || detail.Stop != retry.StopVerdict || len(detail.Attempts) != 1 {
		t.Errorf("got %v, stop %v after %d attempts: %v", e.Delivery, detail.Stop, len(detail.Attempts), err)
	}
}

// ownClock is the bubble's time, by way of a clock that is not the system's.
type ownClock struct{ postproof.Clock }

// A breaker between sender and transport sees the request's context only: the
// end of an attempt has to look like a timeout there, the caller's must not.
func TestAttemptEndsAsATimeout(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		clock    postproof.Clock
		deadline time.Duration // the caller's
		timeout  bool
		elapsed  time.Duration
	}{
		"attempt, system clock": {postproof.SystemClock(), time.Hour, true, time.Minute},
		"attempt, another one":  {ownClock{postproof.SystemClock()}, time.Hour, true, time.Minute},
		"caller, system clock":  {postproof.SystemClock(), time.Second, false, time.Second},
		"caller, another one":   {ownClock{postproof.SystemClock()}, time.Second, false, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var cause error
				s := newSenderOn(t, retry.Config{
					Clock: tt.clock, AttemptTimeout: time.Minute,
					Transport: &wrapper{f: func(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
						<-req.Context().Done()
						cause = context.Cause(req.Context())
						return nil, req.Context().Err()
					}},
				})
				ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
				defer cancel()
				start := time.Now()
				resp, err := s.Do(ctx, post(postproof.RepeatNever))
				if e, _ := failed(t, resp, err); e.Code != postproof.CodeDeadlineExceeded || time.Since(start) != tt.elapsed {
					t.Errorf("got %v after %v, want deadline_exceeded after %v", e.Code, time.Since(start), tt.elapsed)
				}
				// The plain error of the context is a timeout, too; what counts is
				// that it is told from the attempt's.
				end, ok := errors.AsType[interface {
					error
					Timeout() bool
				}](cause)
				own := ok && end.Timeout() && !errors.Is(cause, context.DeadlineExceeded)
				if own != tt.timeout {
					t.Errorf("the context's cause is %v: the attempt's timeout %t, want %t", cause, own, tt.timeout)
				}
			})
		})
	}
}
