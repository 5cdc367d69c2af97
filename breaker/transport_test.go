package breaker_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func answer(status int, header ...string) *http.Response {
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody}
	for i := 0; i+1 < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return resp
}

func newRequest(ctx context.Context, t *testing.T) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://vendor.test/v1/postcards", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestJudgeHTTPStatus(t *testing.T) {
	t.Parallel()
	const date = "Sun, 01 Mar 2026 09:00:00 GMT"
	for name, tc := range map[string]struct {
		status int
		header []string
		want   breaker.Outcome
	}{
		"200":             {200, nil, breaker.Outcome{Kind: breaker.Success}},
		"302":             {302, nil, breaker.Outcome{Kind: breaker.Success}},
		"404":             {404, nil, breaker.Outcome{Kind: breaker.Success}},
		"401":             {401, nil, breaker.Outcome{}},
		"422":             {422, nil, breaker.Outcome{}},
		"429":             {429, []string{"Retry-After", "60"}, breaker.Outcome{}},
		"408":             {408, nil, breaker.Outcome{Kind: breaker.Failure}},
		"500":             {500, nil, breaker.Outcome{Kind: breaker.Failure}},
		"503, seconds":    {503, []string{"Retry-After", "60"}, breaker.Outcome{Kind: breaker.Failure, RetryAfter: time.Minute}},
		"503, date":       {503, []string{"Retry-After", "Sun, 01 Mar 2026 09:02:00 GMT", "Date", date}, breaker.Outcome{Kind: breaker.Failure, RetryAfter: 2 * time.Minute}},
		"503, past date":  {503, []string{"Retry-After", "Sun, 01 Mar 2026 08:00:00 GMT", "Date", date}, breaker.Outcome{Kind: breaker.Failure}},
		"503, overflow":   {503, []string{"Retry-After", "99999999999999999999"}, breaker.Outcome{Kind: breaker.Failure, RetryAfter: 1 << 31 * time.Second}},
		"503, large":      {503, []string{"Retry-After", "9223372036854775807"}, breaker.Outcome{Kind: breaker.Failure, RetryAfter: 1 << 31 * time.Second}},
		"503, not a time": {503, []string{"Retry-After", "-1"}, breaker.Outcome{Kind: breaker.Failure}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp := answer(tc.status, tc.header...)
			t.Cleanup(func() { _ = resp.Body.Close() })
			got := breaker.JudgeHTTP(newRequest(t.Context(), t), resp, nil)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Fatalf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJudgeHTTPErrors(t *testing.T) {
	t.Parallel()
	expired := func(cause error) func(*testing.T) context.Context {
		return func(t *testing.T) context.Context {
			t.Helper()
			ctx, cancel := context.WithDeadlineCause(t.Context(), time.Unix(0, 0), cause)
			t.Cleanup(cancel)
			return ctx
		}
	}
	canceled := func(cause error) func(*testing.T) context.Context {
		return func(t *testing.T) context.Context {
			t.Helper()
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(cause)
			return ctx
		}
	}
	live := func(t *testing.T) context.Context { t.Helper(); return t.Context() }
	own := func(code postproof.Code, delivery postproof.Delivery) error {
		return postproof.NewError(code, delivery, nil)
	}
	for name, tc := range map[string]struct {
		ctx  func(*testing.T) context.Context
		err  error
		want breaker.Kind
	}{
		"caller cancels":          {canceled(nil), context.Canceled, breaker.Excluded},
		"caller says why":         {canceled(errors.New("shutdown")), context.Canceled, breaker.Excluded},
		"caller's deadline":       {expired(nil), context.DeadlineExceeded, breaker.Excluded},
		"attempt's limit":         {expired(own(postproof.CodeDeadlineExceeded, postproof.Unknown)), context.DeadlineExceeded, breaker.Failure},
		"attempt's limit, os":     {expired(os.ErrDeadlineExceeded), context.DeadlineExceeded, breaker.Failure},
		"other cause of our own":  {expired(own(postproof.CodeCanceled, postproof.NotSent)), context.DeadlineExceeded, breaker.Excluded},
		"vendor's timeout":        {live, os.ErrDeadlineExceeded, breaker.Failure},
		"connection reset":        {live, io.ErrUnexpectedEOF, breaker.Failure},
		"local gate":              {live, own(postproof.CodeDeadlineExceeded, postproof.NotSent), breaker.Excluded},
		"local validation":        {live, own(postproof.CodeInvalidArgument, postproof.NotSent), breaker.Excluded},
		"unavailable, classified": {live, own(postproof.CodeUnavailable, postproof.NotSent), breaker.Failure},
		"timeout, classified":     {live, own(postproof.CodeDeadlineExceeded, postproof.Unknown), breaker.Failure},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := breaker.JudgeHTTP(newRequest(tc.ctx(t), t), nil, tc.err)
			if got.Kind != tc.want {
				t.Fatalf("kind %s, want %s", got.Kind, tc.want)
			}
		})
	}
}

// Trap: an answer without an error is a success to gobreaker.
func TestTransportCountsAnswersAndReturnsThem(t *testing.T) {
	t.Parallel()
	set := newSet(t, breaker.Config{Clock: newManualClock()})
	sent := 0
	rt := set.Transport("lob", nil, roundTrip(func(*http.Request) (*http.Response, error) {
		sent++
		return answer(503, "Retry-After", "3600"), nil
	}))
	for range 5 {
		resp, err := rt.RoundTrip(newRequest(t.Context(), t))
		if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("answer %v, error %v, want the 503", resp, err)
		}
		_ = resp.Body.Close()
	}
	body := &closeCounter{Reader: strings.NewReader("x")}
	req := newRequest(t.Context(), t)
	req.Body = body
	resp, err := rt.RoundTrip(req)
	if resp != nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, breaker.ErrOpen) || sent != 5 || body.closed != 1 {
		t.Fatalf("error %v, %d sent, body closed %d times, want ErrOpen, 5, 1", err, sent, body.closed)
	}
	if got := postproof.RetryAfterOf(err); got < 15*time.Minute {
		t.Fatalf("retry after %s, want the vendor's wish up to OpenMax", got)
	}
}

type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error {
	c.closed++
	return nil
}

func TestTransportExcludesTheCallersEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := newSet(t, breaker.Config{})
		rt := set.Transport("lob", nil, roundTrip(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}))
		call := func(cause error) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, cause)
			defer cancel()
			resp, err := rt.RoundTrip(newRequest(ctx, t))
			if err == nil {
				_ = resp.Body.Close()
				t.Fatal("no error")
			}
		}
		for range 20 {
			call(nil)
		}
		wantPhase(t, set, breaker.Closed, "")
		for range 5 {
			call(postproof.NewError(postproof.CodeDeadlineExceeded, postproof.Unknown, nil))
		}
		wantPhase(t, set, breaker.Open, breaker.ReasonConsecutive)
	})
}

func TestTransportMeasuresUntilTheHeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := newSet(t, breaker.Config{Window: time.Hour})
		rt := set.Transport("lob", nil, roundTrip(func(*http.Request) (*http.Response, error) {
			time.Sleep(15 * time.Second)
			return answer(200), nil
		}))
		for range 10 {
			resp, err := rt.RoundTrip(newRequest(t.Context(), t))
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		}
		wantPhase(t, set, breaker.Open, breaker.ReasonSlowCallRate)
	})
}

func TestPanicBelowTheTransport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := newSet(t, breaker.Config{})
		report(t, set, 5, failure())
		time.Sleep(time.Minute)
		rt := set.Transport("lob", nil, roundTrip(func(*http.Request) (*http.Response, error) { panic("boom") }))
		func() {
			defer func() {
				if r := recover(); r != "boom" {
					t.Errorf("recovered %v, want the panic itself", r)
				}
			}()
			resp, err := rt.RoundTrip(newRequest(t.Context(), t))
			if err == nil {
				_ = resp.Body.Close()
			}
		}()
		report(t, set, 1, success()) // the probe's place is free
		wantPhase(t, set, breaker.Closed, breaker.ReasonProbesSucceeded)
	})
}

func TestTransportGroupsAndJudge(t *testing.T) {
	t.Parallel()
	set := newSet(t, breaker.Config{})
	rt := set.Transport("lob", func(*http.Request) string { return "other" },
		roundTrip(func(*http.Request) (*http.Response, error) { return answer(503), nil }),
		breaker.WithJudge(func(*http.Request, *http.Response, error) breaker.Outcome { return breaker.Outcome{} }))
	for range 10 {
		resp, err := rt.RoundTrip(newRequest(t.Context(), t))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	if got := set.State("lob", "other"); got.Counts.Excluded != 10 || got.Phase != breaker.Closed {
		t.Fatalf("state %+v, want 10 excluded", got)
	}
}

func TestMethodGroup(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]string{
		"": "read", "GET": "read", "HEAD": "read", "POST": "submit", "PUT": "submit", "DELETE": "cancel",
	} {
		if got := breaker.MethodGroup(&http.Request{Method: method}); got != want {
			t.Errorf("MethodGroup(%q) = %q, want %q", method, got, want)
		}
	}
}

func TestTransportAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	set := newSet(t, breaker.Config{})
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}
	rt := set.Transport("lob", nil, roundTrip(func(*http.Request) (*http.Response, error) { return resp, nil }))
	req := newRequest(t.Context(), t)
	got := testing.AllocsPerRun(1000, func() {
		if _, err := rt.RoundTrip(req); err != nil { //nolint:bodyclose // http.NoBody
			t.Fatal(err)
		}
	})
	if got > 4 {
		t.Fatalf("%v allocations a call, want at most 4", got)
	}
}

func BenchmarkTransport(b *testing.B) {
	set, err := breaker.New(breaker.Config{})
	if err != nil {
		b.Fatal(err)
	}
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}
	rt := set.Transport("lob", nil, roundTrip(func(*http.Request) (*http.Response, error) { return resp, nil }))
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "https://vendor.test/", http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("closed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := rt.RoundTrip(req); err != nil { //nolint:bodyclose // http.NoBody
				b.Fatal(err)
			}
		}
	})
	b.Run("closed/parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := rt.RoundTrip(req); err != nil { //nolint:bodyclose // http.NoBody
					b.Error(err)
					return
				}
			}
		})
	})
	b.Run("open", func(b *testing.B) {
		set.ForceOpen("lob", "submit", "")
		b.ReportAllocs()
		for b.Loop() {
			if _, err := rt.RoundTrip(req); err == nil { //nolint:bodyclose // refused
				b.Fatal("not refused")
			}
		}
	})
}

// Whoever asks what is below a transport is told: package retry goes by it.
func TestTransportSaysWhatIsBelow(t *testing.T) {
	t.Parallel()
	set, err := breaker.New(breaker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	below := &http.Transport{}
	rt := set.Transport("acme", nil, below)
	if u, ok := rt.(interface{ Unwrap() http.RoundTripper }); !ok || u.Unwrap() != http.RoundTripper(below) {
		t.Errorf("%T does not say that %p is below", rt, below)
	}
}

// TestTransportJudgedLater: an answer that takes reading counts when it was read, once, for
// as long as it took to come; and a probe is out until then.
func TestTransportJudgedLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := newSet(t, breaker.Config{Consecutive: 1, SlowCall: time.Second, OpenFor: time.Minute})
		var told func(breaker.Outcome)
		rt := set.Transport("lob", nil, roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.URL.Path == "/gone" {
				return nil, io.ErrUnexpectedEOF
			}
			time.Sleep(10 * time.Millisecond)
			return answer(http.StatusForbidden), nil
		}), breaker.WithJudge(func(*http.Request, *http.Response, error) breaker.Outcome {
			return breaker.Outcome{Kind: breaker.Success}
		}),
			breaker.WithLater(func(_ *http.Request, resp *http.Response) func(func(breaker.Outcome)) {
				if resp.StatusCode != http.StatusForbidden {
					t.Errorf("asked about %d", resp.StatusCode)
				}
				return func(done func(breaker.Outcome)) { told = done }
			}))
		send := func() error {
			resp, err := rt.RoundTrip(newRequest(t.Context(), t))
			if err == nil {
				_ = resp.Body.Close()
			}
			return err
		}
		if err := send(); err != nil || set.State("lob", "submit").Counts.Calls != 0 {
			t.Fatalf("%v, %+v: nobody has said anything yet", err, set.State("lob", "submit"))
		}
		time.Sleep(2 * time.Second) // to read it; the call was quick all the same
		told(breaker.Outcome{Kind: breaker.Success})
		if got := set.State("lob", "submit").Counts; got.Calls != 1 || got.Slow != 0 {
			t.Errorf("%+v, want one that was not slow", got)
		}
		if err := send(); err != nil {
			t.Fatal(err)
		}
		told(breaker.Outcome{Kind: breaker.Failure})
		told(breaker.Outcome{Kind: breaker.Failure})
		if s := set.State("lob", "submit"); s.Phase != breaker.Open || s.Reason != breaker.ReasonConsecutive || s.Totals.Repeated != 1 {
			t.Fatalf("%+v, want it open for the failure", s)
		}
		time.Sleep(time.Minute)
		if err := send(); err != nil { // a probe
			t.Fatal(err)
		}
		if _, ok := errors.AsType[*breaker.OpenError](send()); !ok {
			t.Error("another call went out beside a probe whose answer nobody has read")
		}
		told(breaker.Outcome{Kind: breaker.Success})
		if s := set.State("lob", "submit"); s.Phase != breaker.Closed {
			t.Errorf("%+v, want it closed by the probe", s)
		}
		told = nil
		req := newRequest(t.Context(), t)
		req.URL.Path = "/gone"
		if _, err := rt.RoundTrip(req); err == nil || told != nil || set.State("lob", "submit").Counts.Calls != 1 { //nolint:bodyclose // there is none
			t.Errorf("%v: what has no answer is the judge's", err)
		}
	})
}
