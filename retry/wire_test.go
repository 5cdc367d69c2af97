package retry_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

// After a 101 the connection is the caller's, and net/http does not end it with the
// context: to read on would be to wait for ever.
func TestSwitchedProtocolsAreNotReadOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: func(_ int, conn net.Conn, _ []byte) bool {
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
			time.Sleep(time.Hour) // and says nothing more
			return false
		}}
		s := newSender(t, v, retry.Config{})
		begin := time.Now()
		resp, err := s.Do(t.Context(), post(postproof.RepeatNever))
		e, detail := failed(t, resp, err)
		if e.Delivery != postproof.Unknown || e.HTTPStatus != 101 || detail.Sends != 1 {
			t.Errorf("a 101: %v, status %d, %d sends, want unknown, 101, 1", e.Delivery, e.HTTPStatus, detail.Sends)
		}
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

// What a refusal says is in its body: some say there that the piece may be at work in
// another request. One that broke off did not say.
func TestRefusalThatBreaksOffIsNoRefusal(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 422, 429} {
		for name, head := range map[string]string{
			"length":  "Content-Length: 100\r\n\r\n{\"error\":",
			"chunked": "Transfer-Encoding: chunked\r\n\r\n9\r\n{\"error\":\r\n",
		} {
			t.Run(fmt.Sprint(status, " ", name), func(t *testing.T) {
				t.Parallel()
				v := &vendor{serve: func(_ int, conn net.Conn, _ []byte) bool {
					_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d X\r\n%s", status, head)
					return false
				}}
				s := newSender(t, v, retry.Config{MaxAttempts: 1})
				resp, err := s.Do(t.Context(), post(postproof.RepeatNever))
				e, _ := failed(t, resp, err)
				if want := postproof.CodeOfHTTPStatus(status); e.Delivery != postproof.Unknown || e.Code != want || e.HTTPStatus != status {
					t.Errorf("%v (%v), status %d, want %v (unknown), %d", e.Code, e.Delivery, e.HTTPStatus, want, status)
				}
			})
		}
	}
}

// A refusal that is longer than is read did not break off: its beginning says what it is.
func TestLongRefusalIsARefusal(t *testing.T) {
	t.Parallel()
	v := &vendor{serve: func(_ int, conn net.Conn, _ []byte) bool {
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 422 X\r\nContent-Length: 2000\r\n\r\n%s", strings.Repeat("x", 2000))
		return false
	}}
	s, r := newSender(t, v, retry.Config{MaxAttempts: 1}), post(postproof.RepeatNever)
	r.MaxResponseBytes = 1000
	resp, err := s.Do(t.Context(), r)
	if e, _ := failed(t, resp, err); e.Delivery != postproof.Refused || e.HTTPStatus != 422 {
		t.Errorf("%v, status %d, want it refused, 422", e.Delivery, e.HTTPStatus)
	}
}
