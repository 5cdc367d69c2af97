package vendortest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func order(path string) *vendors.Request {
	req := &vendors.Request{
		Op: postproof.OpSubmit, Method: http.MethodPost, URL: "https://v.test" + path,
		Header: http.Header{"X-Key": {"k"}, "Accept": {"application/json"}},
	}
	req.SetBody(vendors.JSONBody("v/1", []byte(`{"a":"1\r\n"}`)))
	return req
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	do := Answers("one", "two")
	var got []string
	for _, path := range []string{"/a", "/b?c=d", "/a"} {
		resp, err := do.Do(t.Context(), order(path))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(resp.Body))
		if resp.Header.Get("Date") != AnswerDate || resp.Time().IsZero() || resp.Status != http.StatusOK {
			t.Errorf("%s: %+v", path, resp)
		}
	}
	if diff := cmp.Diff([]string{"one", "two", "two"}, got); diff != "" {
		t.Errorf("bodies (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"POST https://v.test/a", "POST https://v.test/b?c=d", "POST https://v.test/a"}, do.Asked()); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
	const want = "POST /b?c=d HTTP/1.1\nHost: v.test\nAccept: application/json\nContent-Type: application/json\nX-Key: k\n\n{\"a\":\"1\\r\\n\"}\n"
	if diff := cmp.Diff(want, do.Sent[1].Dump()); diff != "" {
		t.Errorf("dump (-want +got)\n%s", diff)
	}
	if resp, err := Answers().Do(t.Context(), order("/a")); err != nil || len(resp.Body) != 0 {
		t.Errorf("without answers: %+v, %v", resp, err)
	}
}

// roundTrips is a transport.
type roundTrips func(r *http.Request) (*http.Response, error)

func (f roundTrips) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestDoerOverATransport: what broke after the request was handed over is
// Unknown, whichever half of the exchange it broke in.
func TestDoerOverATransport(t *testing.T) {
	t.Parallel()
	var seen []byte
	answer := func(body io.Reader) roundTrips {
		return func(r *http.Request) (*http.Response, error) {
			seen, _ = io.ReadAll(r.Body)
			if r.Header.Get("X-Key") != "k" || r.Header.Get("Content-Type") != "application/json" || r.ContentLength != int64(len(seen)) {
				t.Errorf("header %v, length %d of %d", r.Header, r.ContentLength, len(seen))
			}
			return &http.Response{StatusCode: http.StatusCreated, Header: http.Header{}, Body: io.NopCloser(body)}, nil
		}
	}
	do := &Doer{Transport: answer(strings.NewReader("made"))}
	resp, err := do.Do(t.Context(), order("/a"))
	if err != nil || string(resp.Body) != "made" || resp.Status != http.StatusCreated || !bytes.Equal(seen, do.Sent[0].Body) {
		t.Errorf("%+v, %v", resp, err)
	}
	for name, transport := range map[string]roundTrips{
		"no answer":  func(*http.Request) (*http.Response, error) { return nil, errors.New("reset") },
		"cut answer": answer(io.MultiReader(strings.NewReader("ma"), failing{})),
	} {
		_, err := (&Doer{Transport: transport}).Do(t.Context(), order("/a"))
		if postproof.DeliveryOf(err) != postproof.Unknown || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
