package callback_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/vendors"
)

// FuzzReceiver sends anything: nothing panics, only what was signed is stored,
// all that is acknowledged is stored, and what is stored verifies again.
func FuzzReceiver(f *testing.F) {
	f.Add("POST", "/callbacks/printer", "application/json", "", []byte(`[{"id":"evt_1","piece":"psc_1","status":"mailed"}]`), true)
	f.Add("POST", "/printer/x?token=y", "", "identity", []byte(`[{"piece":"psc_1","status":"mailed","time":"2026-01-01T00:00:00Z"},{"status":"panic"}]`), true)
	f.Add("GET", "/", "x", "gzip", []byte(`[]`), false)
	f.Add("POST", "//printer//", "\x00", "br", []byte("{"), true)
	f.Add("PUT", "/other", "text/plain", "", []byte{0xff, 0}, false)
	p := &printer{name: "printer", mode: postproof.ModeTest, key: "k", caps: postproof.Capabilities{
		Vendor: "printer", Callbacks: postproof.Callbacks{Auth: postproof.CallbackSigned, EventIDs: true, Batch: 10},
	}}
	f.Fuzz(func(t *testing.T, method, path, kind, encoding string, body []byte, signed bool) {
		store := newFaulty()
		c, err := client.New(t.Context(), store, []vendors.Adapter{p}, client.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		rx, err := callback.New(c, []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}}, callback.WithMaxBody(4096))
		if err != nil {
			t.Fatal(err)
		}
		defer rx.Close()
		with := secret
		if !signed {
			with = secret2
		}
		req := rawRequest("/printer", with, body)
		req.Method, req.URL.Path, req.Body = method, path, http.NoBody
		if len(body) > 0 {
			req.Body = nopCloser{bytes.NewReader(body)}
		}
		req.Header.Set("Content-Type", kind)
		req.Header.Set("Content-Encoding", encoding)
		rec := httptest.NewRecorder()
		rx.ServeHTTP(rec, req)
		w := &world{store: store}
		all := w.messages(t)
		switch {
		case rec.Code == http.StatusOK:
			if len(all) != 1 || !signed {
				t.Fatalf("acknowledged: %d stored, signed %v", len(all), signed)
			}
			if !bytes.Equal(all[0].Body, body) {
				t.Fatal("what is stored is not what came")
			}
			if err := rx.Verify(t.Context(), all[0].ID); err != nil {
				t.Fatalf("what is stored does not verify again: %v", err)
			}
		case !slices.Contains([]int{400, 401, 404, 405, 413, 415}, rec.Code):
			t.Fatalf("status %d", rec.Code)
		case store.puts.Load() > 0:
			t.Fatalf("status %d, and stored", rec.Code)
		}
	})
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }
