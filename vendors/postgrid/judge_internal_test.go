package postgrid

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// TestEveryStatus goes through the statuses that PostGrid's libraries know, and
// some that a proxy makes.
func TestEveryStatus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status   int
		want     postproof.Code
		delivery postproof.Delivery
	}{
		{400, postproof.CodeInvalidArgument, postproof.Refused},
		{401, postproof.CodeUnauthenticated, postproof.Refused},
		{402, postproof.CodePermissionDenied, postproof.Refused},
		{403, postproof.CodePermissionDenied, postproof.Refused},
		{404, postproof.CodeNotFound, postproof.Refused},
		{408, postproof.CodeDeadlineExceeded, postproof.Unknown},
		{409, postproof.CodeConflict, postproof.Unknown},
		{413, postproof.CodeInvalidArgument, postproof.Refused},
		{415, postproof.CodeInvalidArgument, postproof.Refused},
		{418, postproof.CodeInvalidArgument, postproof.Unknown},
		{422, postproof.CodeInvalidArgument, postproof.Refused},
		{429, postproof.CodeRateLimited, postproof.Refused},
		{302, postproof.CodeUnknown, postproof.Unknown},
		{500, postproof.CodeUnavailable, postproof.Unknown},
		{503, postproof.CodeUnavailable, postproof.Unknown},
		{524, postproof.CodeUnavailable, postproof.Unknown},
	} {
		for body, vendorCode := range map[string]string{
			`{"error":{"type":"validation_error","message":"Harry Zhang of 210 King St"}}`: "validation_error",
			`{"error":{"type":"Harry Zhang","message":"x"}}`:                               "",
			`{"error":"Harry Zhang"}`:                                                      "", `<html>Harry</html>`: "", ``: "", `null`: "",
		} {
			err := refusal(postproof.OpSubmit, &vendors.Response{Status: test.status, Body: []byte(body), Header: http.Header{"X-Request-Id": {"r-1"}}})
			want, delivery := test.want, test.delivery
			if vendorCode == "" && test.status/100 == 4 && test.status != http.StatusRequestTimeout && test.status != http.StatusTooManyRequests {
				want = postproof.CodeUnavailable // not the vendor's own words
				if test.status == http.StatusForbidden {
					delivery = postproof.Unknown // perhaps in the place of the vendor's answer
				}
			}
			e, ok := errors.AsType[*postproof.Error](err)
			if !ok || e.Code != want || e.Delivery != delivery || e.VendorCode != vendorCode || e.HTTPStatus != test.status || e.RequestID != "r-1" {
				t.Errorf("%d %s: %v, want %v (%v)", test.status, body, err, want, delivery)
			}
			if strings.Contains(err.Error(), "Harry") || strings.Contains(err.Error(), "King") {
				t.Errorf("%d: the error quotes the vendor", test.status)
			}
		}
	}
}

// TestMissingPermissionIsNoWrongKey: PostGrid answers both with 401.
func TestMissingPermissionIsNoWrongKey(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]postproof.Code{
		"missing_auth_error": postproof.CodeUnauthenticated, "permission_missing_error": postproof.CodePermissionDenied,
	} {
		err := refusal(postproof.OpSubmit, &vendors.Response{Status: 401, Body: []byte(`{"object":"error","error":{"type":"` + kind + `","message":"x"}}`)})
		if postproof.CodeOf(err) != want || postproof.DeliveryOf(err) != postproof.Refused {
			t.Errorf("%s: %v, want %v (refused)", kind, err, want)
		}
	}
}

// TestTooLateToCancelIsAccepted: the order stands. What says nothing about it
// does not say that.
func TestTooLateToCancelIsAccepted(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]postproof.Delivery{
		400: postproof.Accepted, 409: postproof.Accepted, 422: postproof.Accepted,
		401: postproof.Refused, 403: postproof.Refused, 404: postproof.Refused, 429: postproof.Refused,
		408: postproof.Unknown, 500: postproof.Unknown, 503: postproof.Unknown,
	} {
		own := []byte(`{"object":"error","error":{"type":"order_not_cancellable_error","message":"x"}}`)
		err := refusal(postproof.OpCancel, &vendors.Response{Status: status, Body: own})
		if got := postproof.DeliveryOf(err); got != want || (want == postproof.Accepted) != (postproof.CodeOf(err) == postproof.CodeConflict) {
			t.Errorf("%d: %v, want %v", status, err, want)
		}
		for _, foreign := range []string{"", "<html>Bad Request</html>", "{}", `{"error":null}`, `{"message":"x"}`} { // of what stands in front
			err := refusal(postproof.OpCancel, &vendors.Response{Status: status, Body: []byte(foreign)})
			if postproof.DeliveryOf(err) == postproof.Accepted || postproof.CodeOf(err) == postproof.CodeConflict || postproof.CodeOf(err) == postproof.CodeNotFound {
				t.Errorf("%d %q: %v, and the order may still be stopped", status, foreign, err)
			}
		}
	}
}

// TestServiceUnavailableIsADoubt: PostGrid lists that type, and not the status that it comes with.
func TestServiceUnavailableIsADoubt(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 422, 429, 503} {
		err := refusal(postproof.OpSubmit, &vendors.Response{Status: status, Body: []byte(`{"object":"error","error":{"type":"service_unavailable_error","message":"x"}}`)})
		if postproof.CodeOf(err) != postproof.CodeUnavailable || postproof.DeliveryOf(err) != postproof.Unknown {
			t.Errorf("%d: %v, want unavailable (unknown)", status, err)
		}
	}
}

func TestWaitOfAThrottle(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{"9": 9 * time.Second, "soon": 0, "": 0} {
		err := refusal(postproof.OpSubmit, &vendors.Response{Status: 429, Header: http.Header{"Retry-After": {value}}})
		if got := postproof.RetryAfterOf(err); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func FuzzRefusal(f *testing.F) {
	f.Add(422, []byte(`{"error":{"type":"validation_error","message":"x"}}`))
	f.Add(500, []byte(`{"error":null}`))
	f.Fuzz(func(t *testing.T, status int, raw []byte) {
		err := refusal(postproof.OpSubmit, &vendors.Response{Status: status, Body: raw})
		d := postproof.DeliveryOf(err)
		if d == postproof.Accepted || d == postproof.NotSent || (status >= 500 && d != postproof.Unknown) {
			t.Errorf("status %d: %v", status, d)
		}
	})
}

// TestForeignAnswersNameTheAddress: a 4xx that is not the vendor's own comes of a base URL that was
// written wrongly, or of what stands in front, and would be looked for in the job, the key or the order.
func TestForeignAnswersNameTheAddress(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		"<html>Not Found</html>": true, "": true, `{"message":"no Route matched with those values"}`: true, `{"error":{"code":404,"message":"nothing here"}}`: true,
		`{"error":{"code":"not_found","type":"not_found","status_code":404}}`: false,
	} {
		for _, op := range []postproof.Op{postproof.OpSubmit, postproof.OpGet, postproof.OpLookUp} {
			for _, status := range []int{400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422} {
				err := refusal(op, &vendors.Response{Status: status, Body: []byte(body)})
				if got := strings.Contains(err.Error(), "base URL"); got != want || errors.Is(err, vendors.ErrForeign) != want {
					t.Errorf("%s, answered with %d %q: %v", op, status, body, err)
				}
				code := postproof.CodeOfHTTPStatus(status) // about the job, the account or the order
				if want {
					code = postproof.CodeUnavailable // about the way to the vendor: it waits
				}
				if postproof.CodeOf(err) != code || postproof.DeliveryOf(err) == postproof.Accepted {
					t.Errorf("%s, answered with %d %q: %v, want %v", op, status, body, err, code)
				}
			}
		}
	}
}
