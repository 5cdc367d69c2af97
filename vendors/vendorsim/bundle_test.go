package vendorsim_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof/internal/pipe"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// start is a Monday, 10:00 in the zone of PCM's cut-off.
func start() time.Time { return time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC) }

// bundle is a simulator behind a real server on in-memory pipes, on a clock
// that stands still until it is moved.
type bundle struct {
	t      *testing.T
	sim    *vendorsim.Sim
	clock  *vendorsim.Clock
	client *http.Client
}

func setup(t *testing.T, cfg vendorsim.Config) *bundle {
	t.Helper()
	b := &bundle{t: t, clock: vendorsim.NewClock(start(), 0)}
	if cfg.Clock == nil {
		cfg.Clock = b.clock
	}
	sim, err := vendorsim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.sim = sim
	listener := pipe.New()
	server := &http.Server{Handler: sim.Handler(), ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	transport := &http.Transport{DialContext: listener.Dial}
	b.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := sim.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return b
}

// answer is a response read to its end; err is why it could not be.
type answer struct {
	status int
	header http.Header
	raw    []byte
	err    error
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(a.raw, &out); err != nil {
		t.Fatalf("answer %d %q: %v", a.status, a.raw, err)
	}
	return out
}

// at walks down an answer: at(t, "error", "code").
func (a answer) at(t *testing.T, path ...string) any {
	t.Helper()
	var v any = a.json(t)
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("answer %q has no %v", a.raw, path)
		}
		v = m[p]
	}
	return v
}

// text is at for a string.
func (a answer) text(t *testing.T, path ...string) string {
	t.Helper()
	s, ok := a.at(t, path...).(string)
	if !ok {
		t.Fatalf("answer %q has no text %v", a.raw, path)
	}
	return s
}

func (b *bundle) do(ctx context.Context, method, path string, body io.Reader, header map[string]string) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://sim"+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := b.client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, raw, err}
}

// json sends a JSON body, or none. Header fields without a value are left out.
func (b *bundle) json(method, path string, body any, header map[string]string) answer {
	b.t.Helper()
	maps.DeleteFunc(header, func(_, value string) bool { return value == "" })
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		header["Content-Type"] = "application/json"
		r = bytes.NewReader(raw)
	}
	return b.do(b.t.Context(), method, path, r, header)
}

func basic(key string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(key+":"))
}

// lob sends a JSON body (or none) with the live key.
func (b *bundle) lob(method, path, key string, body any) answer {
	b.t.Helper()
	return b.lobAs("live_simlob", method, path, key, body)
}

func (b *bundle) lobAs(account, method, path, key string, body any) answer {
	b.t.Helper()
	return b.json(method, "/lob/v1"+path, body, map[string]string{"Authorization": basic(account), "Idempotency-Key": key})
}

// postcard returns a valid body; edit changes it.
func postcard(ref string, edit ...func(map[string]any)) map[string]any {
	body := map[string]any{
		"to": map[string]any{
			"name": "Harry Zhang", "address_line1": "210 King St", "address_city": "San Francisco",
			"address_state": "CA", "address_zip": "94107-1741",
		},
		"front": "<b>front</b>", "back": "<b>back</b>", "size": "6x9", "use_type": "operational",
		"metadata": map[string]any{"ref": ref},
	}
	for _, e := range edit {
		e(body)
	}
	return body
}

// login returns a token of PCM.
func (b *bundle) login(account string) string {
	b.t.Helper()
	a := b.do(b.t.Context(), http.MethodPost, "/pcm/auth/login",
		strings.NewReader(`{"apiKey":"`+account+`-pcm","apiSecret":"`+account+`-secret-pcm"}`), nil)
	if a.status != http.StatusOK {
		b.t.Fatalf("login: %d %s %v", a.status, a.raw, a.err)
	}
	token, ok := a.at(b.t, "token").(string)
	if !ok {
		b.t.Fatalf("login: %s", a.raw)
	}
	return token
}

func (b *bundle) pcm(token, method, path string, body any) answer {
	b.t.Helper()
	return b.json(method, "/pcm"+path, body, map[string]string{"Authorization": "Bearer " + token})
}

func pcmCard(ref string, edit ...func(map[string]any)) map[string]any {
	body := map[string]any{
		"mailClass": "FirstClass", "size": "46", "front": "https://c.example/f.pdf", "back": "https://c.example/b.pdf", "extRefNbr": ref,
		"recipients": []any{map[string]any{
			"firstName": "Alex", "lastName": "Doe", "address": "2145 Sunnydale Blvd", "city": "Clearwater", "state": "FL", "zipCode": "33765",
		}},
	}
	for _, e := range edit {
		e(body)
	}
	return body
}

// with sets a field of a body.
func with(name string, value any) func(map[string]any) {
	return func(m map[string]any) { m[name] = value }
}

// events counts the print log's lines of a reference by event.
func (b *bundle) events(ref string) map[string]int {
	out := map[string]int{}
	for _, p := range b.sim.Prints() {
		if p.Ref == ref {
			out[p.Event]++
		}
	}
	return out
}

func rule(boundary vendorsim.Boundary) vendorsim.Plan {
	return vendorsim.Plan{Rules: []vendorsim.Rule{{Boundary: boundary, Rate: 1, First: 1}}}
}
