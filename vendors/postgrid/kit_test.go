package postgrid_test

import (
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jarcoal/httpmock"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/postgrid"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	testKey   = "test_sk_0123456789abcdef"
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

func newAdapter(t *testing.T, opts ...postgrid.Option) *postgrid.Adapter {
	t.Helper()
	a, err := postgrid.New(testKey, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// answers returns a transport that gives the answers in turn, whatever is
// asked, and keeps the requests.
func answers(bodies ...string) (doer, *[]*http.Request) {
	transport := httpmock.NewMockTransport()
	var requests []*http.Request
	transport.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		requests = append(requests, r)
		body := bodies[min(len(requests), len(bodies))-1]
		resp := httpmock.NewStringResponse(http.StatusOK, body)
		resp.Header.Set("Date", "Mon, 02 Mar 2026 15:00:00 GMT")
		return resp, nil
	})
	return doer{transport}, &requests
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
			Name: "Harry Zhang", Company: "Example", Line1: "210 King St", Line2: "# 6100",
			City: "San Francisco", Region: "CA", PostalCode: "94107",
		},
		From: postproof.Address{Name: "Leore Avidar", Line1: "185 Berry St", City: "San Francisco", Region: "CA", PostalCode: "94107-1728"},
		Piece: postproof.Postcard{
			Size:    postproof.Size4x6(),
			Artwork: postproof.HTML{Front: `<html lang="en"><b>Hi & welcome</b></html>`, Back: "<html>Back</html>"},
		},
		Metadata: map[string]string{"zebra": "2", "ant": "1"},
	}
}

func submission(j postproof.Job) *vendors.Submission {
	return &vendors.Submission{
		Job: j, Ref: ref, VendorKey: vendorKey,
		Open: func(_ context.Context, b postproof.Blob) (io.ReadCloser, error) {
			content := map[byte]string{'a': "%PDF-1.7 front", 'b': "<b>from a blob</b>"}[b.Digest[0]]
			return io.NopCloser(strings.NewReader(content)), nil
		},
	}
}

func blob(first string, size int64) postproof.File {
	return postproof.File{Blob: postproof.Blob{Digest: strings.Repeat(first, 64), Size: size}}
}
