package retry_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

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
