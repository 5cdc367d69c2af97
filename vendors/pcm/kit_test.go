package pcm_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/adaptertest"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/vendortest"
)

const ref = adaptertest.Ref

func newAdapter(t *testing.T, opts ...pcm.Option) *pcm.Adapter {
	t.Helper()
	a, err := pcm.New("the-key", "the-secret", postproof.ModeTest, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// server answers by "METHOD /path", the last answer of a list again and again,
// and keeps the requests. It logs everybody in, with a token that counts.
type server struct {
	answers map[string][]answer
	do      vendortest.Doer
	logins  int
	mu      sync.Mutex
}

type answer struct {
	status int
	body   string
}

func (s *server) doer() *vendortest.Doer {
	s.do.Handler = s
	return &s.do
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := r.Method + " " + r.URL.Path
	a := answer{http.StatusNotFound, "{}"}
	if all := s.answers[name]; len(all) > 0 {
		a = all[0]
		if len(all) > 1 {
			s.answers[name] = all[1:]
		}
	} else if name == "POST /auth/login" {
		s.logins++
		a = answer{http.StatusOK, fmt.Sprintf(`{"token":"token-%d","expires":"2026-03-02T16:00:00.000Z"}`, s.logins)}
	}
	w.Header().Set("Date", vendortest.AnswerDate)
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(a.body))
}

func job() postproof.Job {
	j := adaptertest.Job()
	j.To = postproof.Address{
		Name: "Mary Ann Doe", Company: "Example", Line1: "2145 Sunnydale Blvd", Line2: "Bldg. 102",
		City: "Clearwater", Region: "FL", PostalCode: "33765",
	}
	j.From = postproof.Address{Company: "Sender Inc", Line1: "404 S MLK Jr. Ave", City: "Clearwater", Region: "FL", PostalCode: "33756"}
	return j
}

func submission(j postproof.Job) *vendors.Submission { return adaptertest.Submission(j, nil) }
