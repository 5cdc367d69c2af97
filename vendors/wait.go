package vendors

import (
	"time"

	"github.com/postproof/postproof"
)

// RetryAfter reads the header of that name with [postproof.ParseRetryAfter]; a date
// counts from the vendor's own clock, and without that says nothing. It is 0 when there
// is none that can be read, at least a second otherwise. The client's Doer reads that
// header of every answer by itself; a vendor that asks to wait in another way is
// understood by what Judge says in [postproof.Error.RetryAfter].
func RetryAfter(r *Response) time.Duration {
	wait, ok := postproof.ParseRetryAfter(r.Header.Get("Retry-After"), r.Header.Get("Date"), time.Time{})
	if !ok {
		return 0
	}
	return max(wait, time.Second)
}

// ClampWait returns a number of seconds as a wait between a second and
// [postproof.MaxRetryAfter], whatever a vendor wrote.
func ClampWait(seconds int64) time.Duration {
	return time.Duration(min(max(seconds, 1), int64(postproof.MaxRetryAfter/time.Second))) * time.Second
}
