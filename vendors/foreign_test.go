package vendors_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// TestForeign: what nobody of the vendor's said is about the way to the vendor, whatever
// its status; and where it may have been said in the place of the vendor's answer it says
// nothing of the piece.
func TestForeign(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]postproof.Delivery{
		400: postproof.Refused, 401: postproof.Refused, 404: postproof.Refused, 405: postproof.Refused, 410: postproof.Refused,
		402: postproof.Refused, 413: postproof.Refused, 415: postproof.Refused, 422: postproof.Refused, 429: postproof.Refused,
		403: postproof.Unknown, // perhaps in the place of the vendor's answer
		406: postproof.Unknown, 407: postproof.Unknown, 408: postproof.Unknown, 409: postproof.Unknown, 418: postproof.Unknown, 451: postproof.Unknown,
	} {
		err := vendors.Foreign(&vendors.Response{Status: status, Body: []byte("Harry Zhang")}, "see the base URL")
		code := postproof.CodeUnavailable
		switch status {
		case 408:
			code = postproof.CodeDeadlineExceeded
		case 429:
			code = postproof.CodeRateLimited
		}
		if err.Code != code || err.Delivery != want || err.HTTPStatus != status || !errors.Is(err, vendors.ErrForeign) {
			t.Errorf("%d: %v, want %v (%v)", status, err, code, want)
		}
		if text := err.Error(); strings.Contains(text, "Harry") || !strings.Contains(text, "see the base URL") || strings.Contains(text, "if the vendor itself") != (status >= 401 && status <= 403) {
			t.Errorf("%d: %s", status, text)
		}
	}
}
