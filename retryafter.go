package postproof

import (
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter is the longest wait that [ParseRetryAfter] returns. A server that
// asks for more is asked again after a day.
const MaxRetryAfter = 24 * time.Hour

// ParseRetryAfter reads the field Retry-After of an answer (RFC 9110, section
// 10.2.3): seconds, or a date in any of the three HTTP forms. A date is measured
// against date, the answer's own field of that name, so that a skewed clock on either
// side does not matter, and against now where that cannot be read; where now is zero,
// too, a date says nothing. The wait is between 0 and [MaxRetryAfter]; ok is false when
// the field is empty or unreadable.
func ParseRetryAfter(field, date string, now time.Time) (wait time.Duration, ok bool) {
	field = strings.Trim(field, " \t")
	if isDigits(field) {
		// A number too large for an integer is still a very long wait.
		seconds, err := strconv.ParseUint(field, 10, 63)
		if err != nil || seconds > uint64(MaxRetryAfter/time.Second) {
			return MaxRetryAfter, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	at, ok := parseHTTPTime(field)
	if !ok {
		return 0, false
	}
	if said, ok := parseHTTPTime(date); ok {
		now = said
	}
	if now.IsZero() {
		return 0, false
	}
	return min(max(at.Sub(now), 0), MaxRetryAfter), true
}

// parseHTTPTime is ParseTime of net/http, which this package does without.
func parseHTTPTime(text string) (time.Time, bool) {
	for _, layout := range [...]string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
