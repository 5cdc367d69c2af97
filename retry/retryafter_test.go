package retry_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/postproof/postproof/retry"
)

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(1994, 11, 6, 8, 49, 7, 0, time.UTC)
	const skewed = "Sun, 06 Nov 1994 07:49:07 GMT"
	for _, tt := range []struct {
		name, value, date string
		wait              time.Duration
		ok                bool
	}{
		{"seconds", "120", "", 2 * time.Minute, true},
		{"spaces", " 120\t", "", 2 * time.Minute, true},
		{"zero", "0", "", 0, true},
		{"a day and a second", "86401", "", retry.MaxRetryAfter, true},
		{"largest integer", "9223372036854775807", "", retry.MaxRetryAfter, true},
		{"overflow when multiplied", "10000000000", "", retry.MaxRetryAfter, true},
		{"too large for an integer", "99999999999999999999999", "", retry.MaxRetryAfter, true},
		{"negative", "-1", "", 0, false},
		{"fraction", "1.5", "", 0, false},
		{"empty", "", "", 0, false},
		{"words", "soon", "", 0, false},
		{"IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", "", 30 * time.Second, true},
		{"RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", "", 30 * time.Second, true},
		{"asctime", "Sun Nov  6 08:49:37 1994", "", 30 * time.Second, true},
		{"past", "Sun, 06 Nov 1994 08:00:00 GMT", "", 0, true},
		{"far future", "Sun, 06 Nov 2094 08:00:00 GMT", "", retry.MaxRetryAfter, true},
		{"skewed server", "Sun, 06 Nov 1994 07:49:37 GMT", skewed, 30 * time.Second, true},
		{"bad date field", "Sun, 06 Nov 1994 08:49:37 GMT", "nonsense", 30 * time.Second, true},
	} {
		h := http.Header{"Retry-After": {tt.value}}
		if tt.date != "" {
			h.Set("Date", tt.date)
		}
		if wait, ok := retry.ParseRetryAfter(h, now); wait != tt.wait || ok != tt.ok {
			t.Errorf("%s: got %v, %v, want %v, %v", tt.name, wait, ok, tt.wait, tt.ok)
		}
	}
	if wait, ok := retry.ParseRetryAfter(http.Header{}, now); wait != 0 || ok {
		t.Errorf("absent: got %v, %v", wait, ok)
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, seed := range []string{
		"120", "-1", "9223372036854775807", "Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "", "\t0 ",
	} {
		f.Add(seed, "Sun, 06 Nov 1994 08:49:37 GMT")
	}
	f.Fuzz(func(t *testing.T, value, date string) {
		now := time.Unix(784111777, 0)
		wait, ok := retry.ParseRetryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, now)
		if wait < 0 || wait > retry.MaxRetryAfter || (!ok && wait != 0) {
			t.Errorf("%q, %q: %v, %v", value, date, wait, ok)
		}
	})
}
