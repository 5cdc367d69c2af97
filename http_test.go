package postproof_test

import (
	"testing"

	"github.com/postproof/postproof"
)

func TestDeliveryOfHTTPStatus(t *testing.T) {
	t.Parallel()
	refused := map[int]bool{400: true, 401: true, 402: true, 403: true, 404: true, 405: true, 410: true, 413: true, 415: true, 422: true, 429: true}
	for status := -1; status < 1000; status++ {
		want := postproof.Unknown // a 2xx, too: what was accepted stands in its body
		if refused[status] {
			want = postproof.Refused
		}
		if got := postproof.DeliveryOfHTTPStatus(status); got != want {
			t.Errorf("status %d: %v, want %v", status, got, want)
		}
	}
}

func TestCodeOfHTTPStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]postproof.Code{
		400: postproof.CodeInvalidArgument, 401: postproof.CodeUnauthenticated, 402: postproof.CodePermissionDenied,
		403: postproof.CodePermissionDenied, 404: postproof.CodeNotFound, 405: postproof.CodeInvalidArgument,
		408: postproof.CodeDeadlineExceeded, 409: postproof.CodeConflict, 410: postproof.CodeNotFound,
		422: postproof.CodeInvalidArgument, 429: postproof.CodeRateLimited, 499: postproof.CodeInvalidArgument,
		500: postproof.CodeUnavailable, 501: postproof.CodeUnavailable, 503: postproof.CodeUnavailable,
		200: postproof.CodeUnknown, 301: postproof.CodeUnknown, 0: postproof.CodeUnknown,
	} {
		if got := postproof.CodeOfHTTPStatus(status); got != want {
			t.Errorf("status %d: %v, want %v", status, got, want)
		}
	}
}
