package retry

import (
	"net/http"
	"testing"

	"github.com/postproof/postproof"
)

// An attempt may write nothing more when the verdict about what it wrote is made:
// else the verdict may be wrong by the time it is read.
func TestTheVerdictComesAfterTheEnd(t *testing.T) {
	t.Parallel()
	var closed []bool
	s, err := New(Config{MaxAttempts: 1, Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		return nil, &lookingError{attemptOf(req.Context()), &closed}
	})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Do(t.Context(), &Request{Op: postproof.OpGet, Method: http.MethodGet, URL: "http://vendor.test/"}); err == nil {
		t.Fatal("no error")
	}
	if len(closed) == 0 {
		t.Fatal("no verdict was made")
	}
	if !closed[0] {
		t.Error("the verdict was made while the attempt could still write")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// lookingError looks at the attempt whenever somebody looks at the error.
type lookingError struct {
	a      *attempt
	closed *[]bool
}

func (*lookingError) Error() string { return "gave up" }

// As is called by the verdict, which holds the attempt's lock.
func (e *lookingError) As(any) bool {
	*e.closed = append(*e.closed, e.a.closed)
	return false
}
