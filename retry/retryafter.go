package retry

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter is the longest wait that [ParseRetryAfter] returns. A server
// that asks for more is asked again after a day.
const MaxRetryAfter = 24 * time.Hour

// ParseRetryAfter reads the Retry-After field (RFC 9110, section 10.2.3):
// seconds, or a date in any of the three HTTP forms. A date is measured
// against the answer's own Date field, so that a skewed clock on either side
// does not matter, and against now when there is none. The wait is between 0
// and [MaxRetryAfter]; ok is false when the field is absent or unreadable.
func ParseRetryAfter(header http.Header, now time.Time) (wait time.Duration, ok bool) {
	field := header["Retry-After"]
	if len(field) == 0 {
		return 0, false
	}
	value := strings.Trim(field[0], " \t")
	if isDigits(value) {
		// A number too large for an integer is still a very long wait.
		seconds, err := strconv.ParseUint(value, 10, 63)
		if err != nil || seconds > uint64(MaxRetryAfter/time.Second) {
			return MaxRetryAfter, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), MaxRetryAfter), true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
