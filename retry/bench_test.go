package retry_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

func BenchmarkSubmit(b *testing.B) {
	transport, err := retry.NewTransport(retry.TransportConfig{DialContext: pipeDial})
	if err != nil {
		b.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	r := post(postproof.RepeatKeyed)
	b.Run("bare", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{DialContext: pipeDial}}
		b.ReportAllocs()
		for b.Loop() {
			bare(b, client, r)
		}
	})
	b.Run("retry", func(b *testing.B) {
		s := newSenderOn(b, retry.Config{Transport: transport})
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Do(b.Context(), r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func bare(tb testing.TB, client *http.Client, r *retry.Request) {
	tb.Helper()
	body, err := r.Body()
	if err != nil {
		tb.Fatal(err)
	}
	req, err := http.NewRequestWithContext(tb.Context(), r.Method, r.URL, body)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header = r.Header
	req.ContentLength = r.ContentLength
	resp, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err != nil {
		tb.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		tb.Fatal(err)
	}
}

// What the sender may cost above a bare call.
//
//nolint:paralleltest // it counts the allocations of the process
func TestAllocationsAboveBare(t *testing.T) {
	transport, err := retry.NewTransport(retry.TransportConfig{DialContext: pipeDial})
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	s := newSenderOn(t, retry.Config{Transport: transport})
	plain := &http.Transport{DialContext: pipeDial}
	defer plain.CloseIdleConnections()
	r := post(postproof.RepeatKeyed)
	base := testing.AllocsPerRun(200, func() { bare(t, &http.Client{Transport: plain}, r) })
	got := testing.AllocsPerRun(200, func() {
		if _, err := s.Do(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("bare %.0f, sender %.0f", base, got)
	if got-base > 14 && !raceEnabled {
		t.Errorf("the sender allocates %.0f times above a bare call (%.0f), want at most 14", got-base, base)
	}
}
