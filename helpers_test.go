package postproof_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
)

// digest is the form of a blob's name.
var digest = strings.Repeat("0a", 32)

// validJob returns a job with nothing wrong in it.
func validJob() postproof.Job {
	return postproof.Job{
		Key:      postproof.DeriveKey("spring", "contact-1", "card"),
		To:       postproof.Address{Name: "Ada Byron", Line1: "1 Engine Way", City: "Columbus", Region: "OH", PostalCode: "43004"},
		From:     postproof.Address{Company: "Analytical Ltd", Line1: "2 Mill Road", City: "Columbus", Region: "OH", PostalCode: "43004-1234"},
		Piece:    postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<p>front</p>", Back: "<p>back</p>"}},
		Class:    postproof.FirstClass,
		SendDate: time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC),
		Campaign: "spring",
		Contact:  "contact-1",
		Metadata: map[string]string{"segment": "north"},
	}
}

// paths returns the paths of a validation error, sorted, and checks its
// classes.
func paths(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	if code, d := postproof.CodeOf(err), postproof.DeliveryOf(err); code != postproof.CodeInvalidArgument || d != postproof.NotSent {
		t.Errorf("classes %v and %v, want invalid_argument and not_sent", code, d)
	}
	v, ok := errors.AsType[*postproof.ValidationError](err)
	if !ok {
		t.Fatalf("%v holds no ValidationError", err)
	}
	all := make([]string, 0, len(v.Fields))
	for _, f := range v.Fields {
		if f.Reason == "" {
			t.Errorf("%s: no reason", f.Path)
		}
		if !strings.Contains(err.Error(), f.Error()) {
			t.Errorf("%q does not say %q", err, f)
		}
		all = append(all, f.Path)
	}
	slices.Sort(all)
	return all
}
