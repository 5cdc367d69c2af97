package postproof_test

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
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
		{"a day and a second", "86401", "", postproof.MaxRetryAfter, true},
		{"largest integer", "9223372036854775807", "", postproof.MaxRetryAfter, true},
		{"overflow when multiplied", "10000000000", "", postproof.MaxRetryAfter, true},
		{"too large for an integer", "99999999999999999999999", "", postproof.MaxRetryAfter, true},
		{"negative", "-1", "", 0, false},
		{"fraction", "1.5", "", 0, false},
		{"empty", "", "", 0, false},
		{"words", "soon", "", 0, false},
		{"IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", "", 30 * time.Second, true},
		{"RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", "", 30 * time.Second, true},
		{"asctime", "Sun Nov  6 08:49:37 1994", "", 30 * time.Second, true},
		{"past", "Sun, 06 Nov 1994 08:00:00 GMT", "", 0, true},
		{"far future", "Sun, 06 Nov 2094 08:00:00 GMT", "", postproof.MaxRetryAfter, true},
		{"skewed server", "Sun, 06 Nov 1994 07:49:37 GMT", skewed, 30 * time.Second, true},
		{"bad date field", "Sun, 06 Nov 1994 08:49:37 GMT", "nonsense", 30 * time.Second, true},
	} {
		if wait, ok := postproof.ParseRetryAfter(tt.value, tt.date, now); wait != tt.wait || ok != tt.ok {
			t.Errorf("%s: got %v, %v, want %v, %v", tt.name, wait, ok, tt.wait, tt.ok)
		}
	}
	for value, want := range map[string]bool{"Sun, 06 Nov 1994 08:49:37 GMT": false, "30": true} { // nothing to measure a date by
		if wait, ok := postproof.ParseRetryAfter(value, "", time.Time{}); ok != want || (wait != 0) != want {
			t.Errorf("%q without any time: got %v, %v", value, wait, ok)
		}
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
		wait, ok := postproof.ParseRetryAfter(value, date, now)
		if wait < 0 || wait > postproof.MaxRetryAfter || (!ok && wait != 0) {
			t.Errorf("%q, %q: %v, %v", value, date, wait, ok)
		}
	})
}
