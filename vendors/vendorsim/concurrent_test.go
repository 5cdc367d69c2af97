package vendorsim_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// TestSameKeyConcurrentSafe sends one piece many times at once.
func TestSameKeyConcurrentSafe(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{Dir: t.TempDir(), Lob: vendorsim.LobConfig{RateLimit: -1}})
	token := b.login("production")
	for round := range 5 {
		ref := fmt.Sprint("R", round)
		var ids sync.Map
		var placed, taken atomic.Int64
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				a := b.lob("POST", "/postcards", ref, postcard(ref))
				if a.status != 200 {
					t.Errorf("%d %v", a.status, a.err)
					return
				}
				ids.Store(a.at(t, "id"), true)
			})
			wg.Go(func() {
				switch a := b.pcm(token, "POST", "/order/postcard", pcmCard("P"+ref)); a.status {
				case 201:
					placed.Add(1)
				case 409:
					taken.Add(1)
				default:
					t.Errorf("%d %v", a.status, a.err)
				}
			})
		}
		wg.Wait()
		n := 0
		ids.Range(func(any, any) bool { n++; return true })
		if n != 1 || placed.Load() != 1 || taken.Load() != 31 {
			t.Errorf("%d ids at Lob; PCM placed %d and refused %d", n, placed.Load(), taken.Load())
		}
		if lob, pcm := b.events(ref)[vendorsim.Printed], b.events("P" + ref)[vendorsim.Printed]; lob != 1 || pcm != 1 {
			t.Errorf("printed %d and %d", lob, pcm)
		}
	}
}

// TestTwoVendorsOfOneAPI shares nothing between them.
func TestTwoVendorsOfOneAPI(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{Vendors: []vendorsim.Vendor{{Name: "lob"}, {Name: "lob2", API: "lob"}}})
	first := b.lob("POST", "/postcards", "k", postcard("R"))
	second := b.do(t.Context(), "POST", "/lob2/v1/postcards", jsonReader(t, postcard("R")), map[string]string{
		"Authorization": basic("live_simlob2"), "Idempotency-Key": "k", "Content-Type": "application/json",
	})
	if second.status != 200 || second.at(t, "id") == first.at(t, "id") {
		t.Errorf("%d %s", second.status, second.raw)
	}
	if got := b.events("R")[vendorsim.Printed]; got != 2 {
		t.Errorf("%d printed", got)
	}
	for _, bad := range [][]vendorsim.Vendor{{{Name: "x"}}, {{Name: "lob"}, {Name: "lob"}}, {{Name: "_sim", API: "lob"}}} {
		if sim, err := vendorsim.New(vendorsim.Config{Vendors: bad}); err == nil {
			_ = sim.Close()
			t.Errorf("%v is accepted", bad)
		}
	}
}

// BenchmarkAccept measures accepted orders with 64 clients that share syncs,
// without a network.
func BenchmarkAccept(b *testing.B) {
	sim, err := vendorsim.New(vendorsim.Config{
		Dir: filepath.Join(b.TempDir(), "state"), Lob: vendorsim.LobConfig{RateLimit: -1},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = sim.Close() })
	handler := sim.Vendor("lob")
	var n atomic.Int64
	b.SetParallelism(32) // times two cores
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			key := fmt.Sprint("k", n.Add(1))
			body := `{"to":{"name":"A","address_line1":"1 Main St","address_city":"Boston","address_state":"MA","address_zip":"02101"},` +
				`"front":"<b>1</b>","back":"<b>2</b>","use_type":"marketing","metadata":{"ref":"` + key + `"}}`
			req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/postcards", io.NopCloser(strings.NewReader(body)))
			if err != nil {
				b.Error(err)
				return
			}
			req.SetBasicAuth("live_simlob", "")
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Idempotency-Key", key)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, req)
			if w.Code != http.StatusOK {
				b.Errorf("%d %s", w.Code, w.Body)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}
