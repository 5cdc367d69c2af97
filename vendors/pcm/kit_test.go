package pcm_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jarcoal/httpmock"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/pcm"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	ref       = postproof.Ref("0123456789ABCDEF")
	vendorKey = "00112233445566778899aabbccddeeff"
)

// doer sends once over a transport.
type doer struct{ transport http.RoundTripper }

func (d doer) Do(ctx context.Context, req *vendors.Request) (*vendors.Response, error) {
	var body io.Reader
	if req.Open != nil {
		rc, err := req.Open(ctx)
		if err != nil {
			return nil, err
		}
		body = rc
	}
	r, err := http.NewRequestWithContext(ctx, req.Method, req.URL, body)
	if err != nil {
		return nil, err
	}
	r.Header = req.Header.Clone()
	r.ContentLength = req.Length
	if req.ContentType != "" {
		r.Header.Set("Content-Type", req.ContentType)
	}
	resp, err := d.transport.RoundTrip(r)
	if err != nil {
		return nil, postproof.NewError(postproof.CodeUnavailable, postproof.Unknown, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, postproof.NewError(postproof.CodeUnavailable, postproof.Unknown, err)
	}
	answer := &vendors.Response{Status: resp.StatusCode, Header: resp.Header, Body: raw, Sends: 1}
	return answer, req.Judge(answer)
}

func newAdapter(t *testing.T, opts ...pcm.Option) *pcm.Adapter {
	t.Helper()
	a, err := pcm.New("the-key", "the-secret", postproof.ModeTest, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const date = "Mon, 02 Mar 2026 15:00:00 GMT"

// server answers by "METHOD /path", the last answer of a list again and again,
// and keeps the requests. It logs everybody in, with a token that counts.
type server struct {
	answers  map[string][]answer
	requests []*http.Request
	bodies   []string
	logins   int
	mu       sync.Mutex
}

type answer struct {
	status int
	body   string
}

func (s *server) doer() doer {
	transport := httpmock.NewMockTransport()
	transport.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		body := ""
		if r.Body != nil {
			raw, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			body = string(raw)
		}
		s.requests, s.bodies = append(s.requests, r), append(s.bodies, body)
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
		resp := httpmock.NewStringResponse(a.status, a.body)
		resp.Header.Set("Date", date)
		return resp, nil
	})
	return doer{transport}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", name, diff)
	}
}

func job() postproof.Job {
	return postproof.Job{
		Key: "job-1", Class: postproof.FirstClass,
		To: postproof.Address{
			Name: "Mary Ann Doe", Company: "Example", Line1: "2145 Sunnydale Blvd", Line2: "Bldg. 102",
			City: "Clearwater", Region: "FL", PostalCode: "33765",
		},
		From: postproof.Address{Company: "Sender Inc", Line1: "404 S MLK Jr. Ave", City: "Clearwater", Region: "FL", PostalCode: "33756"},
		Piece: postproof.Postcard{
			Size:    postproof.Size4x6(),
			Artwork: postproof.HTML{Front: `<html lang="en"><b>Hi & welcome</b></html>`, Back: "<html>Back</html>"},
		},
		Metadata: map[string]string{"zebra": "2", "ant": "1"},
	}
}

func submission(j postproof.Job) *vendors.Submission {
	return &vendors.Submission{Job: j, Ref: ref, VendorKey: vendorKey}
}
