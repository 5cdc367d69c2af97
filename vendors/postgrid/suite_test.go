package postgrid_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/adaptertest"
	"github.com/postproof/postproof/vendors/postgrid"
	"github.com/postproof/postproof/vendors/vendorsim"
	"github.com/postproof/postproof/vendors/vendortest"
)

// TestAdapter runs the suite for both kinds of account: where nothing is known
// of idempotency keys, and where they were verified.
func TestAdapter(t *testing.T) {
	t.Parallel()
	for name, keyed := range map[string]bool{"Unkeyed": false, "Keyed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vendortest.Run(t, func(t *testing.T) vendortest.Harness {
				t.Helper()
				// each form of a callback with one of the two
				sim := newSimulator(t, keyed, vendorsim.PostGridConfig{IdempotencyKeys: keyed, LogAllEvents: true, TestTracking: true})
				key := sim.Credential().Key
				opts := []postgrid.Option{postgrid.WithBaseURL("https://postgrid.test/print-mail/v1")}
				if keyed {
					opts = append(opts, postgrid.WithIdempotencyKeys())
				}
				adapter, err := postgrid.New(key, opts...)
				if err != nil {
					t.Fatal(err)
				}
				return vendortest.Harness{
					Adapter: adapter, Simulator: sim, Secrets: []string{key}, Uploads: true,
					Templates: postproof.TemplateIDs{Front: "template_a1b2c3", Back: "template_d4e5f6"},
					Refusal: func(int) []byte {
						return []byte(`{"object":"error","error":{"type":"validation_error","message":"it is wrong"}}`)
					},
				}
			})
		})
	}
}

// simulator is PostGrid with a clock that stands still.
type simulator struct {
	adaptertest.Simulator

	tokens bool // callbacks are tokens
}

func newSimulator(t *testing.T, tokens bool, cfg vendorsim.PostGridConfig) simulator {
	t.Helper()
	return simulator{adaptertest.NewSimulator(t, "postgrid", vendorsim.Config{PostGrid: cfg}), tokens}
}

// Callback returns the newest event about the order with the reference. It signs
// by hand, not with package signature.
func (s simulator) Callback(ref, secret string, at time.Time) (http.Header, []byte) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/print-mail/v1/events?limit=100", nil)
	r.Header.Set("X-Api-Key", s.Credential().Key)
	s.ServeHTTP(w, r)
	var log struct {
		Data []json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &log); err != nil {
		panic(err)
	}
	i := slices.IndexFunc(log.Data, func(e json.RawMessage) bool { return bytes.Contains(e, []byte(`"description":"`+ref+`"`)) })
	if i < 0 {
		panic("no event about " + ref)
	}
	return s.signed(log.Data[i], secret, at)
}

// AccountCallback tells of a contact, which is no piece.
func (s simulator) AccountCallback(secret string, at time.Time) (http.Header, []byte) {
	return s.signed([]byte(`{"id":"event_s9T1qkxBv5bmjYwMrLVe","object":"event","type":"contact.created","createdAt":"2026-03-02T15:00:00.000Z",`+
		`"data":{"id":"contact_hEvyPnJPfNkbDZLqKUeSna","object":"contact","firstName":"Kevin"}}`), secret, at)
}

// signed returns an event in the form that the simulator was made for.
func (s simulator) signed(event []byte, secret string, at time.Time) (http.Header, []byte) {
	mac := hmac.New(sha256.New, []byte(secret))
	if s.tokens {
		part := base64.RawURLEncoding.EncodeToString
		claims := append([]byte(`{"iat":`+strconv.FormatInt(at.Unix(), 10)+","), event[1:]...)
		token := part([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + part(claims)
		mac.Write([]byte(token))
		return http.Header{}, []byte(token + "." + part(mac.Sum(nil)))
	}
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	mac.Write([]byte(stamp + "."))
	mac.Write(event)
	return http.Header{"Postgrid-Signature": {"t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))}}, event
}

// TestCallbackSaysWhatTheLogSays: an event comes by two ways, and once or twice by
// each.
func TestCallbackSaysWhatTheLogSays(t *testing.T) {
	t.Parallel()
	for _, tokens := range []bool{false, true} {
		sim := newSimulator(t, tokens, vendorsim.PostGridConfig{LogAllEvents: true, TestTracking: true})
		a, err := postgrid.New(sim.Credential().Key)
		if err != nil {
			t.Fatal(err)
		}
		v, err := a.NewVerifier(secret)
		if err != nil {
			t.Fatal(err)
		}
		do := &vendortest.Doer{Handler: sim}
		s := submission(job())
		body, err := a.Encode(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Submit(t.Context(), do, s, body); err != nil {
			t.Fatal(err)
		}
		stages := map[postproof.Stage]bool{}
		for range 20 {
			header, raw := sim.Callback(string(ref), secret, sim.Clock.Now())
			if err := v.Verify(header, raw, sim.Clock.Now()); err != nil {
				t.Fatal(err)
			}
			told, err := a.ParseCallback(header, raw)
			if err != nil {
				t.Fatal(err)
			}
			want := told[0].Event
			want.Raw, want.Status.Source = nil, postproof.SourcePoll
			for n, err := range a.Events(t.Context(), do, time.Time{}) {
				if err != nil {
					t.Fatal(err)
				}
				got := n.Event
				got.Raw = nil
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("tokens %v: the log's newest event (-callback +log)\n%s", tokens, diff)
				}
				break
			}
			stages[want.Status.Stage] = true
			sim.Advance(12 * time.Hour)
		}
		for _, stage := range []postproof.Stage{
			postproof.StageAccepted, postproof.StageInProduction, postproof.StageMailed, postproof.StageInTransit,
			postproof.StageOutForDelivery, postproof.StageDelivered,
		} {
			if !stages[stage] {
				t.Errorf("tokens %v: nobody was told of %s", tokens, stage)
			}
		}
	}
}

// TestBareCallbacks tells the same of an order as the others do, and never one event
// twice alike: without an id that is what tells them apart.
func TestBareCallbacks(t *testing.T) {
	t.Parallel()
	sim := adaptertest.Calling{Simulator: adaptertest.NewSimulator(t, "postgrid", vendorsim.Config{
		PostGrid: vendorsim.PostGridConfig{BareCallbacks: true, TestTracking: true},
	})}
	a, err := postgrid.New(sim.Credential().Key)
	if err != nil {
		t.Fatal(err)
	}
	v, err := a.NewVerifier(secret)
	if err != nil {
		t.Fatal(err)
	}
	do := &vendortest.Doer{Handler: sim}
	s := submission(job())
	body, err := a.Encode(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	order, err := a.Submit(t.Context(), do, s, body)
	if err != nil {
		t.Fatal(err)
	}
	times := map[time.Time]postproof.Stage{}
	for range 20 {
		header, raw := sim.Callback(string(ref), secret, sim.Clock.Now())
		if err := v.Verify(header, raw, sim.Clock.Now()); err != nil {
			t.Fatal(err)
		}
		told, err := a.ParseCallback(header, raw)
		if err != nil {
			t.Fatal(err)
		}
		e := told[0].Event
		if e.ID != "" || e.VendorID != order.Receipt.VendorID || e.Ref != ref || e.Mode != postproof.ModeTest || e.Status.VendorTime.IsZero() {
			t.Errorf("%+v", e)
		}
		if other, ok := times[e.Status.VendorTime]; ok && other != e.Status.Stage {
			t.Errorf("%s and %s at %v", other, e.Status.Stage, e.Status.VendorTime)
		}
		times[e.Status.VendorTime] = e.Status.Stage
		sim.Advance(12 * time.Hour)
	}
	if len(times) < 5 {
		t.Errorf("%d events", len(times))
	}
}
