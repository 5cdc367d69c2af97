package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

// unseen sends the request on a connection that nothing is told of: the caller's own
// round tripper to fall back to.
func unseen(v *vendor, req *http.Request, err error) (*http.Response, error) {
	body, bodyErr := req.GetBody()
	if bodyErr != nil {
		return nil, bodyErr
	}
	again := req.Clone(httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{}))
	again.Body = body
	other := &http.Transport{DialContext: v.dial, DisableKeepAlives: true}
	defer other.CloseIdleConnections()
	resp, otherErr := other.RoundTrip(again)
	if otherErr != nil && err != nil {
		return nil, err
	}
	return resp, otherErr
}

// refusing is a dialer that gets no connection.
func refusing(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") }

func transportOn(t *testing.T, dial func(context.Context, string, string) (net.Conn, error)) *retry.Transport {
	t.Helper()
	transport, err := retry.NewTransport(retry.TransportConfig{DialContext: dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// What a round tripper of the caller's did with a request nobody knows: that the
// transport below sent nothing does not say that nothing was sent.
func TestFallbackThatNobodySeesIsUnknown(t *testing.T) {
	t.Parallel()
	openErr := postproof.NewError(postproof.CodeUnavailable, postproof.NotSent, errors.New("breaker is open"))
	for name, f := range map[string]func(first http.RoundTripper, v *vendor, req *http.Request) (*http.Response, error){
		"the first error": func(first http.RoundTripper, v *vendor, req *http.Request) (*http.Response, error) {
			_, err := first.RoundTrip(req)
			return unseen(v, req, err)
		},
		"the first error, wrapped": func(first http.RoundTripper, v *vendor, req *http.Request) (*http.Response, error) {
			_, err := first.RoundTrip(req)
			return unseen(v, req, fmt.Errorf("and the other failed, too: %w", err))
		},
		"both errors": func(first http.RoundTripper, v *vendor, req *http.Request) (*http.Response, error) {
			_, err := first.RoundTrip(req)
			_, other := unseen(v, req, nil)
			return nil, errors.Join(err, other)
		},
		"beside an open breaker": func(_ http.RoundTripper, v *vendor, req *http.Request) (*http.Response, error) {
			_, other := unseen(v, req, nil)
			return nil, errors.Join(openErr, other)
		},
	} {
		for below, first := range map[string]func(*testing.T) http.RoundTripper{
			"Transport":      func(t *testing.T) http.RoundTripper { t.Helper(); return transportOn(t, refusing) },
			"http.Transport": func(*testing.T) http.RoundTripper { return &http.Transport{DialContext: refusing} },
		} {
			t.Run(name+"/"+below, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					v := &vendor{serve: func(int, net.Conn, []byte) bool { return false }}
					rt := first(t)
					s := newSenderOn(t, retry.Config{MaxAttempts: 1, Transport: &wrapper{
						f: func(_ http.RoundTripper, req *http.Request) (*http.Response, error) { return f(rt, v, req) },
					}})
					resp, err := s.Do(t.Context(), post(postproof.RepeatKeyed))
					e, detail := failed(t, resp, err)
					if v.count() != 1 {
						t.Fatalf("the vendor saw %d requests, want 1", v.count())
					}
					if e.Delivery != postproof.Unknown || detail.Sends != 1 || detail.Attempts[0].Delivery != postproof.Unknown {
						t.Errorf("got %v, %d sends; want unknown, 1: %v", e.Delivery, detail.Sends, err)
					}
				})
			})
		}
	}
}

// The same after the gate has refused to send.
func TestFallbackBehindTheGateIsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := &stepClock{Clock: postproof.SystemClock(), after: 3, jump: 2 * time.Hour}
		v := &vendor{serve: func(int, net.Conn, []byte) bool { return false }}
		gated := transportOn(t, v.dial)
		s := newSenderOn(t, retry.Config{MaxAttempts: 1, Clock: clock, Transport: &wrapper{
			f: func(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
				_, err := gated.RoundTrip(req)
				return unseen(v, req, err)
			},
		}})
		resp, err := s.Do(t.Context(), post(postproof.RepeatKeyed))
		e, _ := failed(t, resp, err)
		if v.count() != 1 || e.Delivery != postproof.Unknown {
			t.Errorf("the vendor saw %d, got %v; want 1, unknown: %v", v.count(), e.Delivery, err)
		}
		v.wait.Wait()
	})
}

// The answer to a send that nobody saw says nothing about the one before it, whose
// answer was lost.
func TestRefusalOfAnUnseenSendHidesNothing(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(net.Conn){
		"no byte of the answer":  func(net.Conn) {},
		"a part of the answer":   func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 2") },
		"an answer of no length": func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 X\r\nContent-Length: x\r\n\r\n") },
	} {
		for below, own := range map[string]bool{"Transport": true, "http.Transport": false} {
			if !own && name != "no byte of the answer" {
				continue // of a transport of net/http the end of a round trip is not seen
			}
			t.Run(name+"/"+below, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					v := &vendor{serve: func(n int, conn net.Conn, _ []byte) bool {
						if n == 0 { // took it, and lost the connection
							lose(conn)
							return false
						}
						return answer(conn, 422, "no")
					}}
					var first http.RoundTripper = &http.Transport{DialContext: v.dial}
					if own {
						first = transportOn(t, v.dial)
					}
					s := newSenderOn(t, retry.Config{MaxAttempts: 1, Transport: &wrapper{
						f: func(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
							_, err := first.RoundTrip(req)
							return unseen(v, req, err)
						},
					}})
					resp, err := s.Do(t.Context(), post(postproof.RepeatKeyed))
					e, detail := failed(t, resp, err)
					if v.count() != 2 || e.Delivery != postproof.Unknown || detail.Sends != 2 {
						t.Errorf("the vendor saw %d, got %v with %d sends; want 2, unknown, 2: %v", v.count(), e.Delivery, detail.Sends, err)
					}
				})
			})
		}
	}
}

// passing hands requests to the next round tripper only, and says so.
type passing struct{ http.RoundTripper }

func (p passing) Unwrap() http.RoundTripper { return p.RoundTripper }

// promising is a wrapper that says that it hands requests to the next one only.
type promising struct{ wrapper }

func (p promising) RoundTrip(req *http.Request) (*http.Response, error) { return p.f(p.next, req) }
func (p promising) Unwrap() http.RoundTripper                           { return p.next }

// circle says that it is its own next.
type circle struct{ http.RoundTripper }

func (c *circle) Unwrap() http.RoundTripper { return c }

// A round tripper that says that requests go nowhere else is believed: what is not
// sent through it is not sent. One that says nothing is not.
func TestWhatPassesRequestsOnIsWatched(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		wrap func(http.RoundTripper) http.RoundTripper
		want postproof.Delivery
	}{
		"nothing between": {func(rt http.RoundTripper) http.RoundTripper { return rt }, postproof.NotSent},
		"two that say so": {func(rt http.RoundTripper) http.RoundTripper { return passing{passing{rt}} }, postproof.NotSent},
		"one that says nothing": {func(rt http.RoundTripper) http.RoundTripper {
			return &wrapper{next: rt, f: func(next http.RoundTripper, req *http.Request) (*http.Response, error) { return next.RoundTrip(req) }}
		}, postproof.Unknown},
		"its own next": {func(rt http.RoundTripper) http.RoundTripper { return &circle{rt} }, postproof.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSenderOn(t, retry.Config{MaxAttempts: 1, Transport: tt.wrap(transportOn(t, refusing))})
			resp, err := s.Do(t.Context(), post(postproof.RepeatKeyed))
			if e, _ := failed(t, resp, err); e.Delivery != tt.want {
				t.Errorf("got %v, want %v: %v", e.Delivery, tt.want, err)
			}
		})
	}
}

// One that only wraps is believed in what it answers: a refusal is one.
func TestAnswerThroughAWrapperIsBelieved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: always(422, "no")}
		s := newSender(t, v, retry.Config{Transport: &wrapper{
			f: func(next http.RoundTripper, req *http.Request) (*http.Response, error) { return next.RoundTrip(req) },
		}})
		resp, err := s.Do(t.Context(), post(postproof.RepeatKeyed))
		if e, detail := failed(t, resp, err); e.Delivery != postproof.Refused || detail.Sends != 1 {
			t.Errorf("got %v, %d sends; want refused, 1", e.Delivery, detail.Sends)
		}
	})
}
