package retry_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

// halfConn takes a number of bytes and then breaks.
type halfConn struct {
	net.Conn
	left int
}

func (c *halfConn) Write(p []byte) (int, error) {
	n := min(c.left, len(p))
	c.left -= n
	if n < len(p) {
		_ = c.Close()
		return n, errors.New("broken")
	}
	return c.Conn.Write(p)
}

// The border between not sent and unknown is the first byte.
func TestFirstByteDecides(t *testing.T) {
	t.Parallel()
	for bytesTaken, want := range map[int]postproof.Delivery{
		0: postproof.NotSent, 1: postproof.Unknown, 150: postproof.Unknown,
	} {
		for _, scheme := range []string{"http", "https"} {
			t.Run(scheme+"/"+want.String(), func(t *testing.T) {
				t.Parallel()
				srv := httptest.NewUnstartedServer(http.NotFoundHandler())
				srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
				if scheme == "https" {
					srv.StartTLS()
				} else {
					srv.Start()
				}
				t.Cleanup(srv.Close)
				var conn *halfConn
				transport, err := retry.NewTransport(retry.TransportConfig{
					TLS: &tls.Config{InsecureSkipVerify: true},
					DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
						raw, err := new(net.Dialer).DialContext(ctx, network, address)
						conn = &halfConn{Conn: raw, left: 1 << 20}
						return conn, err
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				s := newSenderOn(t, retry.Config{
					MaxAttempts: 1,
					// The handshake is done; what is left is for the request.
					Transport: transport,
					OnSend: func(context.Context, retry.Send) {
						conn.left = bytesTaken
						if scheme == "https" && bytesTaken > 0 {
							conn.left = 1 << 20
							time.AfterFunc(0, func() { _ = conn.Close() })
						}
					},
				})
				r := post(postproof.RepeatNever)
				r.URL = srv.URL
				r.Judge = func(int, http.Header, []byte) error {
					return postproof.NewError(postproof.CodeUnknown, postproof.Unknown, nil)
				}
				resp, err := s.Do(t.Context(), r)
				e, detail := failed(t, resp, err)
				if e.Delivery != want {
					t.Errorf("after %d bytes: %v, want %v: %v", bytesTaken, e.Delivery, want, err)
				}
				if wantSends := min(bytesTaken, 1); detail.Sends != wantSends {
					t.Errorf("after %d bytes: %d sends, want %d", bytesTaken, detail.Sends, wantSends)
				}
			})
		}
	}
}

// A round tripper that gives up before its transport does must not let the
// request out afterwards.
func TestNoWriteAfterTheAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: always(200, "")}
		transport, err := retry.NewTransport(retry.TransportConfig{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				time.Sleep(time.Second)
				return v.dial(ctx, network, address)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer transport.CloseIdleConnections()
		late := make(chan error, 1)
		s := newSenderOn(t, retry.Config{MaxAttempts: 1, Transport: &wrapper{
			f: func(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
				go func() {
					// The attempt's context is cut off, or it would end this, too.
					resp, err := transport.RoundTrip(req.WithContext(context.WithoutCancel(req.Context())))
					if err == nil {
						_ = resp.Body.Close()
					}
					late <- err
				}()
				synctest.Wait()
				return nil, postproof.NewError(postproof.CodeUnavailable, postproof.NotSent, nil)
			},
		}})
		resp, err := s.Do(t.Context(), post(postproof.RepeatNever))
		e, _ := failed(t, resp, err)
		if err := <-late; err == nil || v.count() != 0 || e.Delivery != postproof.NotSent {
			t.Errorf("late round trip: %v, vendor saw %d, reported %v", err, v.count(), e.Delivery)
		}
	})
}

func TestForeignRoundTrippers(t *testing.T) {
	t.Parallel()
	t.Run("no trace", func(t *testing.T) {
		t.Parallel()
		mock := httpmock.NewMockTransport()
		mock.RegisterResponder(http.MethodPost, "http://vendor.test/v1/letters", httpmock.NewErrorResponder(errors.New("boom")))
		resp, err := newSenderOn(t, retry.Config{Transport: mock}).Do(t.Context(), post(postproof.RepeatNever))
		e, detail := failed(t, resp, err)
		if e.Delivery != postproof.Unknown || detail.Sends != 1 || mock.GetTotalCallCount() != 1 {
			t.Errorf("got %v, %d sends, %d calls", e.Delivery, detail.Sends, mock.GetTotalCallCount())
		}
		if strings.Contains(err.Error(), "boom") {
			t.Errorf("foreign text in %q", err)
		}
	})
	t.Run("answer without trace", func(t *testing.T) {
		t.Parallel()
		mock := httpmock.NewMockTransport()
		mock.RegisterResponder(http.MethodPost, "http://vendor.test/v1/letters", httpmock.NewStringResponder(200, "ok"))
		resp, err := newSenderOn(t, retry.Config{Transport: mock}).Do(t.Context(), post(postproof.RepeatNever))
		if err != nil || resp.Sends != 1 || string(resp.Body) != "ok" {
			t.Errorf("got %+v, %v", resp, err)
		}
	})
	t.Run("http.Transport, no connection", func(t *testing.T) {
		t.Parallel()
		plain := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("refused")
		}}
		resp, err := newSenderOn(t, retry.Config{Transport: plain, MaxAttempts: 1}).Do(t.Context(), post(postproof.RepeatNever))
		if e, detail := failed(t, resp, err); e.Delivery != postproof.NotSent || detail.Sends != 0 {
			t.Errorf("got %v, %d sends; want not_sent, 0", e.Delivery, detail.Sends)
		}
	})
	t.Run("http.Transport, reset", func(t *testing.T) {
		t.Parallel()
		v := &vendor{serve: func(int, net.Conn, []byte) bool { return false }}
		plain := &http.Transport{DialContext: v.dial}
		resp, err := newSenderOn(t, retry.Config{Transport: plain}).Do(t.Context(), post(postproof.RepeatNever))
		if e, detail := failed(t, resp, err); e.Delivery != postproof.Unknown || detail.Sends != 1 {
			t.Errorf("got %v, %d sends; want unknown, 1", e.Delivery, detail.Sends)
		}
	})
}

// Requests of others on the same transport pass, also over a connection that
// an attempt has used before.
func TestPlainRequestsPass(t *testing.T) {
	t.Parallel()
	v := &vendor{serve: always(200, "ok")}
	transport, err := retry.NewTransport(retry.TransportConfig{DialContext: v.dial})
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	s := newSenderOn(t, retry.Config{Transport: transport})
	for range 3 {
		if _, err := s.Do(t.Context(), get()); err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://vendor.test/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	if dials, _ := v.conns(); v.count() != 6 || dials != 1 {
		t.Errorf("vendor saw %d over %d connections, want 6 over 1", v.count(), dials)
	}
}

func TestInvalidRequestsAreNotSent(t *testing.T) {
	t.Parallel()
	v := &vendor{serve: always(200, "")}
	s := newSender(t, v, retry.Config{})
	for name, change := range map[string]func(*retry.Request){
		"url":        func(r *retry.Request) { r.URL = "http://user:SECRET@ho st/?q=SECRET" },
		"scheme":     func(r *retry.Request) { r.URL = "ftp://SECRET/" },
		"length":     func(r *retry.Request) { r.ContentLength = 0 },
		"header":     func(r *retry.Request) { r.Header.Set("X-A", "SECRET\n") },
		"method":     func(r *retry.Request) { r.Method = "SEC RET" },
		"body fails": func(r *retry.Request) { r.Body = func() (io.ReadCloser, error) { return nil, errors.New("SECRET") } },
		"limit":      func(r *retry.Request) { r.MaxResponseBytes = -1 },
	} {
		r := post(postproof.RepeatKeyed)
		change(r)
		resp, err := s.Do(t.Context(), r)
		e, detail := failed(t, resp, err)
		if e.Delivery != postproof.NotSent || detail.Sends != 0 || len(detail.Attempts) > 1 {
			t.Errorf("%s: %v, %d sends, %d attempts", name, e.Delivery, detail.Sends, len(detail.Attempts))
		}
		if e.Code != postproof.CodeInvalidArgument && e.Code != postproof.CodeInternal {
			t.Errorf("%s: code %v", name, e.Code)
		}
		if strings.Contains(err.Error(), "SEC") {
			t.Errorf("%s: secret in %q", name, err)
		}
	}
	if v.count() != 0 {
		t.Errorf("vendor saw %d", v.count())
	}
}

func TestNoSecretsInErrors(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(int, net.Conn, []byte) bool{
		"reset":     func(int, net.Conn, []byte) bool { return false },
		"malformed": func(_ int, conn net.Conn, b []byte) bool { _, _ = conn.Write(append(b, "\r\n\r\n"...)); return false },
		"redirect":  always(302, "SECRET", "Location: ://SECRET"),
		"500":       always(500, "SECRET"),
		"header": func(_ int, conn net.Conn, _ []byte) bool {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nSECRET\r\n\r\n")
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := &vendor{serve: serve}
			r := post(postproof.RepeatNever)
			r.URL = "http://live_SECRET:SECRET@vendor.test/v1?api_key=SECRET"
			r.Body = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("SECRET")), nil }
			r.ContentLength = 6
			r.Header.Set("Authorization", "SECRET")
			r.Header.Set("Idempotency-Key", "SECRET")
			resp, err := newSender(t, v, retry.Config{}).Do(t.Context(), r)
			e, _ := failed(t, resp, err)
			if strings.Contains(err.Error(), "SECRET") {
				t.Errorf("secret in %q", err)
			}
			if e.Delivery != postproof.Unknown {
				t.Errorf("got %v, want unknown", e.Delivery)
			}
		})
	}
}

func TestSenderConcurrentSafe(t *testing.T) {
	t.Parallel()
	// Which try fails is up to the order of the callers, three in seven do:
	// a call that draws sixty failures in a row is not to be met.
	const attempts = 60
	v := &vendor{serve: func(n int, conn net.Conn, _ []byte) bool {
		if n%3 == 0 {
			return answer(conn, 500, "")
		}
		return n%7 != 0 && answer(conn, 200, "ok")
	}}
	var mu sync.Mutex
	hooks := 0
	s := newSender(t, v, retry.Config{
		Base: time.Microsecond, MaxAttempts: attempts,
		OnSend: func(context.Context, retry.Send) { mu.Lock(); hooks++; mu.Unlock() },
	})
	var wg sync.WaitGroup
	var sends int
	for range 16 {
		wg.Go(func() {
			for range 20 {
				resp, err := s.Do(t.Context(), post(postproof.RepeatKeyed))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				sends += resp.Sends
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if sends != v.count() || hooks < sends {
		t.Errorf("reported %d sends, hooks %d, vendor saw %d", sends, hooks, v.count())
	}
}
