package vendortest

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mute is Lob whose answers are changed on the way: without a header, or a word.
type mute struct {
	Simulator

	header string
	word   *regexp.Regexp
}

func (m mute) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	m.Simulator.ServeHTTP(answer, r)
	for name, values := range answer.Header() {
		if name != m.header {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(answer.Code)
	body := answer.Body.Bytes()
	if m.word != nil {
		body = m.word.ReplaceAll(body, []byte(`""`))
	}
	_, _ = w.Write(body)
}

// TestAdvice: where the simulator or the vendor is to blame, the suite says so.
func TestAdvice(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(checks(), func(c check) bool { return c.name == "Find" })
	for want, m := range map[string]mute{"sends no Date": {header: "Date"}, "leave Finder out": {word: regexp.MustCompile(`"[0-9A-F]{16}"`)}} {
		found := checks()[i].problems(t.Context(), func() Harness {
			h := harness(t, "lob")
			m.Simulator = h.Simulator
			h.Simulator = m
			return h
		})
		if len(found) != 1 || !strings.Contains(found[0], want) {
			t.Errorf("%q, want %q", found, want)
		}
	}
}
