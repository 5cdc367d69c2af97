package lob

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// TestEveryDocumentedCode goes through the error codes of Lob's OpenAPI file.
func TestEveryDocumentedCode(t *testing.T) {
	t.Parallel()
	const (
		invalid      = postproof.CodeInvalidArgument
		denied       = postproof.CodePermissionDenied
		unauth       = postproof.CodeUnauthenticated
		unavailable  = postproof.CodeUnavailable
		unsupported  = postproof.CodeUnsupported
		conflict     = postproof.CodeConflict
		refused      = postproof.Refused
		unknown      = postproof.Unknown
		notFound     = postproof.CodeNotFound
		rateLimited  = postproof.CodeRateLimited
		deadlinePast = postproof.CodeDeadlineExceeded
	)
	for _, test := range []struct {
		status   int
		code     string
		want     postproof.Code
		delivery postproof.Delivery
	}{
		{422, "bad_request", invalid, refused},
		{409, "conflict", conflict, unknown},
		{422, "conflict", conflict, unknown},
		{403, "feature_limit_reached", denied, refused},
		{500, "internal_server_error", unavailable, unknown},
		{422, "internal_server_error", unavailable, unknown},
		{422, "invalid", invalid, refused},
		{422, "not_deletable", conflict, refused},
		{404, "not_found", notFound, refused},
		{408, "request_timeout", deadlinePast, unknown},
		{503, "service_unavailable", unavailable, unknown},
		{404, "unrecognized_endpoint", unavailable, refused},
		{422, "unsupported_lob_version", denied, refused},
		{422, "address_length_exceeds_limit", invalid, refused},
		{403, "billing_address_required", denied, refused},
		{422, "custom_envelope_inventory_depleted", unavailable, refused},
		{422, "failed_deliverability_strictness", invalid, refused},
		{422, "file_pages_below_min", invalid, refused},
		{422, "file_pages_exceed_max", invalid, refused},
		{422, "file_size_exceeds_limit", invalid, refused},
		{422, "foreign_return_address", invalid, refused},
		{422, "inconsistent_page_dimensions", invalid, refused},
		{422, "invalid_country_covid", unsupported, refused},
		{422, "invalid_file", invalid, refused},
		{422, "invalid_file_dimensions", invalid, refused},
		{422, "invalid_file_download_time", unavailable, refused},
		{422, "invalid_file_url", invalid, refused},
		{422, "invalid_image_dpi", invalid, refused},
		{422, "invalid_international_feature", unsupported, refused},
		{422, "invalid_perforation_return_envelope", invalid, refused},
		{422, "invalid_template_html", invalid, refused},
		{422, "mail_use_type_can_not_be_null", denied, refused},
		{422, "merge_variable_required", invalid, refused},
		{422, "merge_variable_whitespace", invalid, refused},
		{401, "payment_method_unverified", denied, refused},
		{422, "pdf_encrypted", invalid, refused},
		{422, "special_characters_restricted", invalid, refused},
		{422, "unembedded_fonts", invalid, refused},
		{401, "email_required", denied, refused},
		{401, "invalid_api_key", unauth, refused},
		{403, "invalid_api_key", unauth, refused},
		{403, "publishable_key_not_allowed", unauth, refused},
		{429, "rate_limit_exceeded", rateLimited, refused},
		{401, "unauthorized", unauth, refused},
		{401, "unauthorized_token", unauth, refused},
		{422, "a_code_of_tomorrow", invalid, refused},
		{500, "a_code_of_tomorrow", unavailable, unknown},
	} {
		body := fmt.Sprintf(`{"error":{"message":"Harry Zhang of 210 King St","status_code":%d,"code":%q}}`, test.status, test.code)
		err := refusal(postproof.OpSubmit, &vendors.Response{Status: test.status, Body: []byte(body)})
		e, ok := errors.AsType[*postproof.Error](err)
		if !ok || e.Code != test.want || e.Delivery != test.delivery || e.VendorCode != test.code || e.HTTPStatus != test.status {
			t.Errorf("%d %s: %v, want %v (%v)", test.status, test.code, err, test.want, test.delivery)
		}
		if strings.Contains(err.Error(), "Harry") {
			t.Errorf("%d %s: the error quotes the vendor's message", test.status, test.code)
		}
	}
}

func TestRefusalDoubts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		want   postproof.Delivery
	}{
		"a body that contradicts its status":  {422, `{"error":{"code":"invalid","status_code":500}}`, postproof.Unknown},
		"a refusal without a body":            {422, ``, postproof.Refused},
		"a refusal in front":                  {413, `<html>Too Large</html>`, postproof.Refused},
		"a firewall's, of request or answer":  {403, `<html>Forbidden</html>`, postproof.Unknown},
		"a gateway's":                         {403, `{"message":"Forbidden"}`, postproof.Unknown},
		"an empty one":                        {403, ``, postproof.Unknown},
		"lob's own":                           {403, `{"error":{"code":"feature_limit_reached"}}`, postproof.Refused},
		"a refusal whose code is no word":     {422, `{"error":{"code":"Harry Zhang","status_code":422}}`, postproof.Refused},
		"a redirect":                          {302, ``, postproof.Unknown},
		"a status that Lob does not document": {418, ``, postproof.Unknown},
		"a proxy's timeout":                   {524, ``, postproof.Unknown},
	} {
		err := refusal(postproof.OpSubmit, &vendors.Response{Status: test.status, Body: []byte(test.body)})
		if got := postproof.DeliveryOf(err); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
		if strings.Contains(err.Error(), "Harry") {
			t.Errorf("%s: the error quotes the vendor", name)
		}
	}
}

func TestTooLateToCancelIsAccepted(t *testing.T) {
	t.Parallel()
	r := &vendors.Response{Status: 422, Body: []byte(`{"error":{"code":"not_deletable","status_code":422}}`)}
	err := refusal(postproof.OpCancel, r)
	if postproof.CodeOf(err) != postproof.CodeConflict || postproof.DeliveryOf(err) != postproof.Accepted {
		t.Errorf("%v, want conflict (accepted)", err)
	}
}

func TestRateLimitWait(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	date := at.Format(http.TimeFormat)
	reset := func(d time.Duration) string { return fmt.Sprint(at.Add(d).Unix()) }
	for name, test := range map[string]struct {
		header map[string]string
		want   time.Duration
	}{
		"Retry-After first":       {map[string]string{"Retry-After": "9", "X-Rate-Limit-Reset": reset(3 * time.Second), "Date": date}, 9 * time.Second},
		"the name of the prose":   {map[string]string{"X-Rate-Limit-Reset": reset(3 * time.Second), "Date": date}, 3 * time.Second},
		"the name of the schema":  {map[string]string{"ratelimit-reset": reset(4 * time.Second), "Date": date}, 4 * time.Second},
		"a reset that has passed": {map[string]string{"ratelimit-reset": reset(-time.Hour), "Date": date}, time.Second},
		"a reset far away":        {map[string]string{"ratelimit-reset": "99999999999", "Date": date}, postproof.MaxRetryAfter},
		"a reset without a clock": {map[string]string{"ratelimit-reset": reset(time.Second)}, rateWindow},
		"a reset that is none":    {map[string]string{"ratelimit-reset": "-1", "X-Rate-Limit-Reset": "soon", "Date": date}, rateWindow},
		"nothing":                 {nil, rateWindow},
	} {
		h := http.Header{}
		for k, v := range test.header {
			h.Set(k, v)
		}
		err := refusal(postproof.OpSubmit, &vendors.Response{Status: 429, Header: h})
		if got := postproof.RetryAfterOf(err); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// TestForeignAnswersNameTheAddress: a 4xx that is not the vendor's own comes of a base URL that was
// written wrongly, or of what stands in front, and would be looked for in the job, the key or the order.
func TestForeignAnswersNameTheAddress(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		"<html>Not Found</html>": true, "": true, `{"error":{"code":"unrecognized_endpoint","status_code":404}}`: true,
		`{"message":"no Route matched with those values"}`: true, `{"error":{"code":404,"message":"nothing here"}}`: true,
		`{"error":{"code":"not_found","type":"not_found","status_code":404}}`: false,
	} {
		for _, op := range []postproof.Op{postproof.OpSubmit, postproof.OpGet, postproof.OpLookUp, postproof.OpCancel} {
			for _, status := range []int{400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422} {
				err := refusal(op, &vendors.Response{Status: status, Body: []byte(body)})
				if got := strings.Contains(err.Error(), "base URL"); got != want || errors.Is(err, vendors.ErrForeign) != want {
					t.Errorf("%s, answered with %d %q: %v", op, status, body, err)
				}
				code := postproof.CodeOfHTTPStatus(status) // about the job, the account or the piece
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

// A field of the error body in a new form hides nothing of the others.
func TestErrorBodyOfAnotherForm(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"error":{"code":"conflict","status_code":"422","message":"in use"}}`,
		`{"error":{"status_code":[422],"code":"conflict"},"meta":1}`,
		`{"error":{"code":7,"status_code":503}}`,
	} {
		err := refusal(postproof.OpSubmit, &vendors.Response{Status: 422, Header: http.Header{}, Body: []byte(body)})
		if d := postproof.DeliveryOf(err); d != postproof.Unknown {
			t.Errorf("%s: %v, want unknown", body, d)
		}
	}
}
