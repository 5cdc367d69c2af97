package retry_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

// judgeDocumented is an adapter whose vendor documents 503 as not accepted
// and 502 as unknown.
func judgeDocumented(status int, _ http.Header, _ []byte) error {
	switch {
	case status == http.StatusServiceUnavailable:
		return postproof.NewError(postproof.CodeUnavailable, postproof.Refused, nil)
	case status >= 200 && status <= 299:
		return nil
	default:
		return postproof.NewError(postproof.CodeOfHTTPStatus(status), postproof.DeliveryOfHTTPStatus(status), nil)
	}
}

// The table of the package's documentation: how often the vendor sees the
// request, by class and failure, when the failure never goes away.
func TestDecisionTable(t *testing.T) {
	t.Parallel()
	hangUp := func(int, net.Conn, []byte) bool { return false }
	cut := func(_ int, conn net.Conn, _ []byte) bool {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
		return false
	}
	silent := func(_ int, conn net.Conn, _ []byte) bool {
		_, _ = conn.Read(make([]byte, 1)) // until the client hangs up
		return false
	}
	tests := []struct {
		name              string
		serve             func(int, net.Conn, []byte) bool
		code              postproof.Code
		delivery          postproof.Delivery
		never, keyed, get int
	}{
		{"reset", hangUp, postproof.CodeUnavailable, postproof.Unknown, 1, 3, 3},
		{"cut answer", cut, postproof.CodeUnavailable, postproof.Unknown, 1, 3, 3},
		{"timeout", silent, postproof.CodeDeadlineExceeded, postproof.Unknown, 1, 3, 3},
		{"500", always(500, ""), postproof.CodeUnavailable, postproof.Unknown, 1, 3, 3},
		{"429", always(429, ""), postproof.CodeRateLimited, postproof.Refused, 3, 3, 3},
		{"503 not accepted", always(503, ""), postproof.CodeUnavailable, postproof.Refused, 3, 3, 3},
		{"422", always(422, ""), postproof.CodeInvalidArgument, postproof.Refused, 1, 1, 1},
		{"401", always(401, ""), postproof.CodeUnauthenticated, postproof.Refused, 1, 1, 1},
		{"409", always(409, ""), postproof.CodeConflict, postproof.Unknown, 1, 1, 1},
		{"307", always(307, "", "Location: http://other.test/"), postproof.CodeUnknown, postproof.Unknown, 1, 3, 3},
		{"bad location", always(302, "", "Location: ://x"), postproof.CodeUnknown, postproof.Unknown, 1, 3, 3},
	}
	for _, tt := range tests {
		for class, want := range map[postproof.Repeat]int{
			postproof.RepeatNever: tt.never, postproof.RepeatKeyed: tt.keyed, postproof.RepeatSafe: tt.get,
		} {
			t.Run(tt.name+"/"+class.String(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					v := &vendor{serve: tt.serve}
					s := newSender(t, v, retry.Config{})
					r := post(class)
					if class == postproof.RepeatSafe {
						r = get()
					}
					r.Judge = judgeDocumented
					resp, err := s.Do(t.Context(), r)
					e, detail := failed(t, resp, err)
					if got := v.count(); got != want || detail.Sends != want || len(detail.Attempts) != want {
						t.Errorf("vendor saw %d requests, sends %d, attempts %d; want %d of each", got, detail.Sends, len(detail.Attempts), want)
					}
					if e.Code != tt.code || e.Delivery != tt.delivery {
						t.Errorf("error is %v (%v), want %v (%v): %v", e.Code, e.Delivery, tt.code, tt.delivery, err)
					}
				})
			})
		}
	}
}

func TestNotSentIsFreeForEveryClass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: always(200, "ok")}
		dials := 0
		transport, err := retry.NewTransport(retry.TransportConfig{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if dials++; dials < 3 {
					return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
				}
				return v.dial(ctx, network, address)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer transport.CloseIdleConnections()
		s := newSenderOn(t, retry.Config{Transport: transport})
		resp, err := s.Do(t.Context(), post(postproof.RepeatNever))
		if err != nil {
			t.Fatal(err)
		}
		if resp.Sends != 1 || len(resp.Attempts) != 3 || v.count() != 1 {
			t.Errorf("sends %d, attempts %d, seen %d; want 1, 3, 1", resp.Sends, len(resp.Attempts), v.count())
		}
		if got := resp.Attempts[0].Delivery; got != postproof.NotSent {
			t.Errorf("first attempt is %v, want not_sent", got)
		}
	})
}

// A later, milder answer never lowers an earlier unknown.
func TestJoin(t *testing.T) {
	t.Parallel()
	for _, later := range []int{401, 429, 422} {
		t.Run(http.StatusText(later), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &vendor{serve: func(n int, conn net.Conn, _ []byte) bool {
					return n > 0 && answer(conn, later, "")
				}}
				s := newSender(t, v, retry.Config{})
				resp, err := s.Do(t.Context(), post(postproof.RepeatKeyed))
				e, detail := failed(t, resp, err)
				if e.Delivery != postproof.Unknown {
					t.Errorf("join is %v, want unknown: %v", e.Delivery, err)
				}
				if e.HTTPStatus != later || detail.Attempts[1].Delivery != postproof.Refused {
					t.Errorf("last answer is %d (%v), want %d (refused)", e.HTTPStatus, detail.Attempts[1].Delivery, later)
				}
			})
		})
	}
	t.Run("open breaker", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			v := &vendor{serve: func(int, net.Conn, []byte) bool { return false }}
			n := 0
			s := newSender(t, v, retry.Config{Transport: &wrapper{f: func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
				if n++; n > 1 {
					return nil, openError(time.Now().Add(time.Minute))
				}
				return next.RoundTrip(req)
			}}})
			resp, err := s.Do(t.Context(), post(postproof.RepeatKeyed))
			e, detail := failed(t, resp, err)
			if e.Delivery != postproof.Unknown || detail.Stop != retry.StopGate || e.RetryAfter != time.Minute {
				t.Errorf("got %v, stop %v, retry after %v; want unknown, gate, 1m", e.Delivery, detail.Stop, e.RetryAfter)
			}
			if detail.Attempts[1].Delivery != postproof.NotSent {
				t.Errorf("attempt behind the breaker is %v, want not_sent", detail.Attempts[1].Delivery)
			}
		})
	})
	t.Run("accepted in the end", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			v := &vendor{serve: func(n int, conn net.Conn, _ []byte) bool { return n > 0 && answer(conn, 200, "id") }}
			resp, err := newSender(t, v, retry.Config{}).Do(t.Context(), post(postproof.RepeatKeyed))
			if err != nil || resp.Delivery != postproof.Accepted || resp.Sends != 2 || string(resp.Body) != "id" {
				t.Errorf("got %+v, %v", resp, err)
			}
		})
	})
}

type gateError struct {
	err error
	at  time.Time
}

func (e *gateError) Error() string      { return "open" }
func (e *gateError) RetryAt() time.Time { return e.at }
func (e *gateError) Unwrap() error      { return e.err }

func openError(at time.Time) error {
	return &gateError{postproof.NewError(postproof.CodeUnavailable, postproof.NotSent, nil), at}
}

func TestCallerCancels(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		serve    func(int, net.Conn, []byte) bool
		delivery postproof.Delivery
	}{
		"during the attempt": {func(_ int, conn net.Conn, _ []byte) bool {
			_, _ = conn.Read(make([]byte, 1))
			return false
		}, postproof.Unknown},
		"during the wait": {always(429, "", "Retry-After: 3"), postproof.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &vendor{serve: tt.serve}
				boom := errors.New("shutting down")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(boom) })
				start := time.Now()
				resp, err := newSender(t, v, retry.Config{}).Do(ctx, post(postproof.RepeatKeyed))
				e, detail := failed(t, resp, err)
				if time.Since(start) != time.Second || v.count() != 1 {
					t.Errorf("ended after %v and %d sends, want 1s and 1", time.Since(start), v.count())
				}
				if e.Code != postproof.CodeCanceled || e.Delivery != tt.delivery || detail.Stop != retry.StopContext {
					t.Errorf("got %v (%v), stop %v", e.Code, e.Delivery, detail.Stop)
				}
				if !errors.Is(err, context.Canceled) || !errors.Is(err, boom) {
					t.Errorf("both causes should be kept: %v", err)
				}
			})
		})
	}
}

func TestNestedCallDoesNotMultiply(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		login := &vendor{serve: always(500, "")}
		inner := newSender(t, login, retry.Config{})
		v := &vendor{serve: always(200, "")}
		s := newSender(t, v, retry.Config{Transport: &wrapper{f: func(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
			resp, err := inner.Do(req.Context(), get())
			_, detail := failed(t, resp, err)
			if detail.Stop != retry.StopNested {
				t.Errorf("stop %v, want nested", detail.Stop)
			}
			return nil, postproof.NewError(postproof.CodeUnavailable, postproof.NotSent, err)
		}}})
		resp, err := s.Do(t.Context(), post(postproof.RepeatNever))
		e, detail := failed(t, resp, err)
		if login.count() != 3 || len(detail.Attempts) != 3 {
			t.Errorf("%d log-ins in %d attempts, want 3 in 3", login.count(), len(detail.Attempts))
		}
		if e.Delivery != postproof.NotSent || detail.Sends != 0 {
			t.Errorf("outer call: %v, %d sends; the inner call's bytes are not its own", e.Delivery, detail.Sends)
		}
	})
}

func TestHooksAndSendInfo(t *testing.T) {
	t.Parallel()
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: func(n int, conn net.Conn, _ []byte) bool {
			return answer(conn, []int{500, 200}[n], "")
		}}
		var log []string
		s := newSender(t, v, retry.Config{
			Transport: &wrapper{f: func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
				before, ok := retry.SendInfo(req.Context())
				if !ok || before.Written || req.Context().Value(key{}) != before.Attempt {
					t.Errorf("before: %+v, %v, context value %v", before, ok, req.Context().Value(key{}))
				}
				resp, err := next.RoundTrip(req)
				after, _ := retry.SendInfo(req.Context())
				if !after.Written || after.AttemptSends != 1 || after.Sends != after.Attempt+1 {
					t.Errorf("after: %+v", after)
				}
				return resp, err
			}},
			OnAttempt: func(ctx context.Context, a retry.AttemptStart) context.Context {
				log = append(log, "attempt")
				return context.WithValue(ctx, key{}, a.Attempt)
			},
			OnSend: func(ctx context.Context, send retry.Send) {
				log = append(log, "send")
				if !send.Exact || send.Hidden || send.Index != send.Attempt+1 || ctx.Value(key{}) != send.Attempt {
					t.Errorf("send %+v, context value %v", send, ctx.Value(key{}))
				}
			},
			OnResult: func(_ context.Context, a retry.Attempt, err error) {
				log = append(log, "result")
				if (err == nil) != (a.Status == 200) {
					t.Errorf("result %+v with error %v", a, err)
				}
			},
			OnWait: func(context.Context, time.Duration, int) { log = append(log, "wait") },
		})
		if _, err := s.Do(t.Context(), get()); err != nil {
			t.Fatal(err)
		}
		want := []string{"attempt", "send", "result", "wait", "attempt", "send", "result"}
		if !slices.Equal(log, want) {
			t.Errorf("hooks %v, want %v", log, want)
		}
	})
}

// The text says everything once: what the last answer was is said in front, unless it
// was milder than what is known of all attempts.
func TestErrorSaysEverythingOnce(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		serve func(int, net.Conn, []byte) bool
		want  string
	}{
		{"refused", always(401, ""), "acme: submit: unauthenticated (refused): status 401: 1 attempt, 1 send, stop verdict: mend the key"},
		{"tried again", always(429, ""), "acme: submit: rate_limited (refused): status 429: 3 attempts, 3 sends, stop attempts: mend the key"},
		{"unknown, then refused", func(n int, conn net.Conn, _ []byte) bool {
			return n > 0 && answer(conn, 422, "")
		}, "acme: submit: invalid_argument (unknown): status 422: 2 attempts, 2 sends, stop verdict: invalid_argument (refused): status 422: mend the key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := post(postproof.RepeatKeyed)
				r.Judge = func(status int, h http.Header, body []byte) error {
					err := judgeDocumented(status, h, body)
					if e, ok := errors.AsType[*postproof.Error](err); ok {
						e.HTTPStatus, e.Err = status, errors.New("mend the key")
					}
					return err
				}
				_, err := newSender(t, &vendor{serve: tt.serve}, retry.Config{}).Do(t.Context(), r)
				if err == nil || err.Error() != tt.want {
					t.Errorf("got %q\nwant %q", err, tt.want)
				}
			})
		})
	}
}

// A panic of the judge ends its attempt like anything else: whoever counts attempts, or
// has begun a span for one, hears of it, and not of the panic's value.
func TestPanicIsAResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: always(200, "")}
		var got []retry.Attempt
		var text string
		s := newSender(t, v, retry.Config{OnResult: func(_ context.Context, a retry.Attempt, err error) {
			got, text = append(got, a), err.Error()
		}})
		r := post(postproof.RepeatKeyed)
		var sends int
		r.Sends = &sends
		r.Judge = func(int, http.Header, []byte) error { panic("Mallory Malone") }
		func() {
			defer func() {
				if p := recover(); p != "Mallory Malone" || sends != 1 {
					t.Errorf("the caller's panic is %v, after %d sends, want one", p, sends)
				}
			}()
			_, _ = s.Do(t.Context(), r)
		}()
		if len(got) != 1 || got[0].Delivery != postproof.Unknown || got[0].Sends != 1 || strings.Contains(text, "Mallory") {
			t.Errorf("results %+v, %q", got, text)
		}
	})
}
