package client_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/pipe"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
)

// canned answers every order at once.
func canned(tb testing.TB) *pipe.Listener {
	tb.Helper()
	lis := pipe.New()
	answer := []byte(`{"id":"alpha_1","status":"accepted","zip":"62701"}`)
	srv := &http.Server{ReadHeaderTimeout: 0, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(answer)
	})}
	go func() { _ = srv.Serve(lis) }()
	tb.Cleanup(func() { _ = srv.Close() })
	return lis
}

func submitter(tb testing.TB) func() {
	tb.Helper()
	lis := canned(tb)
	a := (&press{name: "alpha", kind: postproof.IdempotencyKey, mode: postproof.ModeTest, look: true, cancel: true, key: "k"}).adapter()
	c, err := client.New(tb.Context(), idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{a}, client.WithLogger(quiet()), client.WithPollInterval(time.Hour),
		client.WithVendor("alpha", client.VendorConfig{Transport: retry.TransportConfig{DialContext: lis.Dial}}))
	if err != nil {
		tb.Fatal(err)
	}
	j, n := job("x"), 0
	return func() {
		n++
		j.Key = postproof.Key(fmt.Sprintf("contact-%d", n))
		if _, err := c.Submit(tb.Context(), j); err != nil {
			tb.Fatal(err)
		}
	}
}

func bare(tb testing.TB) func() {
	tb.Helper()
	lis := canned(tb)
	h := &http.Client{Transport: &http.Transport{DialContext: lis.Dial}}
	n := 0
	return func() {
		n++
		key := fmt.Sprintf("contact-%d", n)
		body, _ := json.Marshal(pressOrder{Ref: key, Zip: "62701"})
		req, _ := http.NewRequestWithContext(tb.Context(), http.MethodPost, "http://alpha/order", bytes.NewReader(body))
		req.Header.Set("Idempotency-Key", key)
		req.Header.Set("Content-Type", "application/json")
		resp, err := h.Do(req)
		if err != nil {
			tb.Fatal(err)
		}
		answer, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		var o pressOrder
		if err := json.Unmarshal(answer, &o); err != nil {
			tb.Fatal(err)
		}
	}
}

// maxExtraAllocs is what a submission may allocate beyond the bare request: the
// ledger's two commits, reference and key, routing, retries, telemetry, the breaker, whose
// report waits until the answer was read. Raise it only with a reason.
const maxExtraAllocs = 59

func TestSubmitAllocations(t *testing.T) { //nolint:paralleltest // allocations are counted for the whole process
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	// The least of some: on a machine with much else to do a run takes longer, and what
	// goes by time, such as a look at the ledger each poll interval, is counted with it.
	least := func(once func()) float64 {
		return min(testing.AllocsPerRun(500, once), testing.AllocsPerRun(500, once), testing.AllocsPerRun(500, once))
	}
	with, without := least(submitter(t)), least(bare(t))
	if extra := with - without; extra > maxExtraAllocs {
		t.Errorf("%.0f allocations, %.0f more than the bare request; at most %d are allowed", with, extra, maxExtraAllocs)
	}
}

func BenchmarkSubmit(b *testing.B) {
	for name, f := range map[string]func(testing.TB) func(){"client": submitter, "bare": bare} {
		b.Run(name, func(b *testing.B) {
			once := f(b)
			b.ReportAllocs()
			for b.Loop() {
				once()
			}
		})
	}
}
