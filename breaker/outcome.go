package breaker

import (
	"fmt"
	"time"
)

// Kind says what the outcome of a call tells about the vendor's health.
type Kind int

// The kinds. The zero value is the one that changes nothing, so that a
// deferred report of a call that panicked is harmless.
const (
	// Excluded tells nothing about the vendor: the caller gave up, the
	// request was wrong, the account's rate limit was reached.
	Excluded Kind = 0
	// Success is an answer of a vendor that works.
	Success Kind = 1
	// Failure is a 5xx, a timeout of the vendor, a broken connection.
	Failure Kind = 2
)

// String returns the kind as it appears in logs and metrics.
func (k Kind) String() string {
	switch k {
	case Excluded:
		return "excluded"
	case Success:
		return "success"
	case Failure:
		return "failure"
	default:
		return fmt.Sprintf("kind(%d)", int(k))
	}
}

// Outcome is what became of a call. A kind that is not known counts as
// [Excluded].
type Outcome struct {
	// Kind is what the outcome says about the vendor.
	Kind Kind
	// Duration is how long the call took. If it is not positive, the time
	// since the call was allowed is used.
	Duration time.Duration
	// RetryAfter is the wait that the vendor asked for with a failure: the
	// breaker stays open at least as long, up to [Config.OpenMax]. 0 is none.
	RetryAfter time.Duration
}
