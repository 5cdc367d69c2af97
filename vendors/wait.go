package vendors

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter is the longest wait that [RetryAfter] returns.
const MaxRetryAfter = 24 * time.Hour

// RetryAfter reads the header of that name, seconds or a date; a date counts
// from the vendor's own clock. It is 0 when there is none that can be read, at
// least a second otherwise. The client's Doer reads that header of every answer by
// itself; a vendor that asks to wait in another way is understood by what Judge says
// in [postproof.Error.RetryAfter].
func RetryAfter(r *Response) time.Duration {
	value := strings.TrimSpace(r.Header.Get("Retry-After"))
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 {
		return ClampWait(n)
	}
	if at, err := http.ParseTime(value); err == nil && !r.Time().IsZero() {
		return ClampWait(at.Unix() - r.Time().Unix())
	}
	return 0
}

// ClampWait returns a number of seconds as a wait between a second and
// [MaxRetryAfter], whatever a vendor wrote.
func ClampWait(seconds int64) time.Duration {
	return time.Duration(min(max(seconds, 1), int64(MaxRetryAfter/time.Second))) * time.Second
}
