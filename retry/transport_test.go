package retry_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

// A server that closes an idle connection just when the next request comes:
// net/http sends the request again by itself, if it may.
func TestHiddenResend(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		class  postproof.Repeat
		noBody bool
		seen   int
	}{
		{"keyed", postproof.RepeatKeyed, false, 2},
		{"keyed, no body", postproof.RepeatKeyed, true, 2},
		{"never", postproof.RepeatNever, false, 1},
		{"never, no body", postproof.RepeatNever, true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &vendor{serve: func(n int, conn net.Conn, _ []byte) bool {
					return n != 1 && answer(conn, 200, "ok")
				}}
				var sends []retry.Send
				budget, err := retry.NewBudget(retry.BudgetConfig{})
				if err != nil {
					t.Fatal(err)
				}
				s := newSender(t, v, retry.Config{
					Budget: budget,
					OnSend: func(_ context.Context, send retry.Send) { sends = append(sends, send) },
				})
				if _, err := s.Do(t.Context(), get()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // the connection is idle
				sends = nil
				r := post(tt.class)
				if tt.noBody {
					r.Body, r.ContentLength = nil, 0
				}
				resp, err := s.Do(t.Context(), r)
				if got := v.count() - 1; got != tt.seen || len(sends) != tt.seen {
					t.Fatalf("vendor saw %d, hook %d; want %d: %v", got, len(sends), tt.seen, err)
				}
				for _, h := range v.header[1:] {
					if h.Get("Idempotency-Key") != "KEY123" {
						t.Errorf("the vendor got no key: %v", h)
					}
				}
				if tt.class == postproof.RepeatNever {
					e, detail := failed(t, resp, err)
					if e.Delivery != postproof.Unknown || detail.Sends != 1 {
						t.Errorf("got %v, %d sends; want unknown, 1", e.Delivery, detail.Sends)
					}
					// The gate would stop it; net/http should not even try.
					if dials, _ := v.conns(); dials != 1 {
						t.Errorf("%d connections made, want 1: net/http tried again", dials)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if len(resp.Attempts) != 1 || resp.Sends != 2 || resp.Attempts[0].Sends != 2 || !sends[1].Hidden {
					t.Errorf("attempts %d, sends %d, hidden %v; want 1, 2, true", len(resp.Attempts), resp.Sends, sends[1].Hidden)
				}
				if got := budget.Stats().Retries; got != 1 {
					t.Errorf("budget was charged for %d, want 1", got)
				}
			})
		})
	}
}

// The answer to the repeat of net/http says nothing about the send before it:
// a refusal must not hide that the vendor may have taken the first one.
func TestHiddenResendRefusedIsUnknown(t *testing.T) {
	t.Parallel()
	for _, status := range []int{422, 429} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &vendor{serve: func(n int, conn net.Conn, _ []byte) bool {
					switch n {
					case 0:
						return answer(conn, 200, "ok")
					case 1: // took it, and lost the connection
						return false
					default:
						return answer(conn, status, "no")
					}
				}}
				s := newSender(t, v, retry.Config{MaxAttempts: 1})
				if _, err := s.Do(t.Context(), get()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				resp, err := s.Do(t.Context(), post(postproof.RepeatKeyed))
				e, detail := failed(t, resp, err)
				if v.count() != 3 || detail.Attempts[0].Sends != 2 {
					t.Fatalf("the vendor saw %d requests, the attempt counts %d sends", v.count()-1, detail.Attempts[0].Sends)
				}
				if e.Delivery != postproof.Unknown || detail.Attempts[0].Delivery != postproof.Unknown {
					t.Errorf("delivery %v, of the attempt %v; want unknown", e.Delivery, detail.Attempts[0].Delivery)
				}
			})
		})
	}
}

// The repeat of net/http stands under the not-after, too.
func TestHiddenResendTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: func(n int, conn net.Conn, _ []byte) bool {
			if n == 1 {
				time.Sleep(2 * time.Second)
				return false
			}
			return answer(conn, 200, "ok")
		}}
		s := newSender(t, v, retry.Config{})
		if _, err := s.Do(t.Context(), get()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r := post(postproof.RepeatKeyed)
		r.NotAfter = time.Now().Add(time.Second)
		resp, err := s.Do(t.Context(), r)
		e, detail := failed(t, resp, err)
		if v.count() != 2 || detail.Sends != 1 || e.Delivery != postproof.Unknown || !errors.Is(err, retry.ErrTooLate) {
			t.Errorf("seen %d, sends %d, %v: %v", v.count()-1, detail.Sends, e.Delivery, err)
		}
	})
}

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

// Answers that cannot be kept whole: a 2xx is unknown, an error is judged by
// its beginning; the connection survives either.
func TestAnswerSizes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 60<<10)
	for name, tt := range map[string]struct {
		status   int
		delivery postproof.Delivery
		code     postproof.Code
	}{
		"too large":       {200, postproof.Unknown, postproof.CodeInternal},
		"long error page": {422, postproof.Refused, postproof.CodeInvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := &vendor{serve: always(tt.status, long)}
			s := newSender(t, v, retry.Config{})
			for range 5 {
				r := post(postproof.RepeatNever)
				r.MaxResponseBytes = 1000
				resp, err := s.Do(t.Context(), r)
				if e, _ := failed(t, resp, err); e.Delivery != tt.delivery || e.Code != tt.code {
					t.Errorf("got %v (%v), want %v (%v)", e.Code, e.Delivery, tt.code, tt.delivery)
				}
			}
			if dials, _ := v.conns(); dials != 1 {
				t.Errorf("%d connections for 5 calls, want 1", dials)
			}
		})
	}
}

// A call that fails leaves the connections of others alone, and nothing
// behind: a goroutine that does not end fails the bubble.
func TestNoGrowth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: always(500, "")}
		s := newSender(t, v, retry.Config{})
		for range 100 {
			resp, err := s.Do(t.Context(), get())
			_, _ = failed(t, resp, err)
		}
		synctest.Wait()
		dials, open := v.conns()
		if dials != 1 || open != 1 {
			t.Errorf("%d connections made, %d open; want 1 and 1", dials, open)
		}
	})
}

// zeros is a body of n bytes that costs nothing to make.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	z.left -= n
	return int(n), nil
}

func (z *zeros) Close() error { return nil }

// drain is a server side that allocates nothing for what it reads.
func drain(conn net.Conn) {
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		length := 0
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			if rest, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
				for _, c := range bytes.TrimSpace(rest) {
					length = length*10 + int(c-'0')
				}
			}
			if bytes.Contains(line, []byte("chunked")) {
				return
			}
			if len(bytes.TrimSpace(line)) == 0 {
				break
			}
		}
		if _, err := in.Discard(length); err != nil {
			return
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

func pipeDial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go drain(server)
	return client, nil
}

// A body is streamed, never kept.
//
//nolint:paralleltest // it measures the memory of the process
func TestLargeBodyIsStreamed(t *testing.T) {
	const size = 8 << 20
	transport, err := retry.NewTransport(retry.TransportConfig{DialContext: pipeDial})
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	s := newSenderOn(t, retry.Config{Transport: transport})
	opened := 0
	r := post(postproof.RepeatKeyed)
	// The median, because the runtime may clear net/http's own pool.
	measure := func(n int64) uint64 {
		length := n
		r.ContentLength = n
		r.Body = func() (io.ReadCloser, error) { opened++; return &zeros{left: length}, nil }
		costs := make([]uint64, 0, 21)
		for range cap(costs) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := s.Do(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			costs = append(costs, after.TotalAlloc-before.TotalAlloc)
		}
		slices.Sort(costs)
		return costs[len(costs)/2]
	}
	small, large := measure(1), measure(size)
	t.Logf("1 byte: %d bytes allocated; 8 MiB: %d", small, large)
	if large > small+4<<10 && !raceEnabled {
		t.Errorf("a body of 8 MiB allocates %d bytes, one of 1 byte %d", large, small)
	}
	if opened != 42 {
		t.Errorf("body was opened %d times in 42 attempts", opened)
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
