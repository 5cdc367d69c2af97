package vendors_test

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func TestJudgeStatus(t *testing.T) {
	t.Parallel()
	refused := map[int]bool{400: true, 401: true, 402: true, 403: true, 404: true, 405: true, 410: true, 413: true, 415: true, 422: true, 429: true}
	for status := 100; status < 600; status++ {
		err := vendors.JudgeStatus(&vendors.Response{Status: status})
		want := postproof.Unknown
		switch {
		case status >= 200 && status < 300:
			want = 0
		case refused[status]:
			want = postproof.Refused
		}
		if got := postproof.DeliveryOf(err); got != want {
			t.Errorf("status %d: %v, want %v", status, got, want)
		}
		if e, ok := errors.AsType[*postproof.Error](err); ok && (e.HTTPStatus != status || e.Code == 0) {
			t.Errorf("status %d: error %+v", status, e)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const date = "Mon, 02 Mar 2026 15:00:00 GMT"
	for _, test := range []struct {
		retry, date string
		want        time.Duration
	}{
		{"", date, 0},
		{"7", "", 7 * time.Second},
		{" 7 ", "", 7 * time.Second},
		{"0", "", time.Second},
		{"-1", "", 0},
		{"soon", date, 0},
		{"1.5", date, 0},
		{"99999999", "", postproof.MaxRetryAfter},
		{"9223372036854775807", "", postproof.MaxRetryAfter},
		{"92233720368547758070", "", postproof.MaxRetryAfter},
		{"Mon, 02 Mar 2026 15:01:30 GMT", date, 90 * time.Second},
		{"Mon, 02 Mar 2026 14:00:00 GMT", date, time.Second},
		{"Mon, 02 Mar 2026 15:01:30 GMT", "", 0}, // no clock to count from
	} {
		r := &vendors.Response{Header: http.Header{"Retry-After": {test.retry}, "Date": {test.date}}}
		if got := vendors.RetryAfter(r); got != test.want {
			t.Errorf("Retry-After %q: %v, want %v", test.retry, got, test.want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "7", "-7", "Mon, 02 Mar 2026 15:01:30 GMT", "99999999999999999999", "0x10", "1e3", "+0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := &vendors.Response{Header: http.Header{"Retry-After": {s}, "Date": {"Mon, 02 Mar 2026 15:00:00 GMT"}}}
		got := vendors.RetryAfter(r)
		if got != 0 && (got < time.Second || got > postproof.MaxRetryAfter) {
			t.Errorf("%q: %v", s, got)
		}
		if n, err := strconv.ParseUint(s, 10, 64); err == nil && n <= 60 && got != time.Duration(max(n, 1))*time.Second {
			t.Errorf("%q: %v", s, got)
		}
	})
}

func TestResponseTime(t *testing.T) {
	t.Parallel()
	r := &vendors.Response{Header: http.Header{"Date": {"Mon, 02 Mar 2026 15:00:00 GMT"}}}
	if want := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC); !r.Time().Equal(want) {
		t.Errorf("Time = %v, want %v", r.Time(), want)
	}
	for age, want := range map[string]time.Duration{
		"0": 0, " 90 ": 90 * time.Second, "86400": 24 * time.Hour, "99999999999999999999": (1<<31 - 1) * time.Second,
		"-5": 0, "old": 0, "": 0, "1.5": 0,
	} {
		kept := &vendors.Response{Header: http.Header{"Date": r.Header["Date"], "Age": {age}}}
		if got := r.Time().Sub(kept.Time()); got != want {
			t.Errorf("an answer of age %q is dated back by %v, want %v", age, got, want)
		}
	}
	r.Header.Set("Date", "yesterday")
	if !r.Time().IsZero() {
		t.Errorf("a date that cannot be read is %v", r.Time())
	}
}

func TestDuplicateErrorTellsItsReference(t *testing.T) {
	t.Parallel()
	cause := errors.New("cut")
	err := error(&vendors.DuplicateError{Ref: "ABCDEFGH01234567", Err: cause})
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if got, want := err.Error(), "reference ABCDEFGH01234567 is taken: cut"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := (&vendors.DuplicateError{Ref: "R"}).Error(), "reference R is taken"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
