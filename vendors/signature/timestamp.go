package signature

import (
	"strconv"
	"time"
)

// DefaultTolerance is how far a signed time may be from the time of receipt,
// on either side: long enough for clocks and queues, and the field's custom.
const DefaultTolerance = 5 * time.Minute

// tolerance is a checked one.
func tolerance(d time.Duration) (time.Duration, error) {
	switch {
	case d < 0:
		return 0, invalid("tolerance %v is negative: 0 means %v", d, DefaultTolerance)
	case d == 0:
		return DefaultTolerance, nil
	}
	return d, nil
}

// The number of digits in Unix time until the year 2286.
const (
	secondsDigits      = 10
	millisecondsDigits = 13
)

// parseTimestamp reads Unix time in seconds or milliseconds, told apart by the
// number of digits: vendors' documents contradict themselves about the unit.
func parseTimestamp(s string) (t time.Time, ok bool) {
	if len(s) != secondsDigits && len(s) != millisecondsDigits {
		return time.Time{}, false
	}
	n := int64(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return time.Time{}, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	if len(s) == secondsDigits {
		return time.Unix(n, 0), true
	}
	return time.UnixMilli(n), true
}

// writeTimestamp is the inverse of parseTimestamp for a sender.
func writeTimestamp(at time.Time, unit time.Duration) (string, error) {
	var s string
	switch unit {
	case 0, time.Second:
		s = strconv.FormatInt(at.Unix(), 10)
	case time.Millisecond:
		s = strconv.FormatInt(at.UnixMilli(), 10)
	default:
		return "", invalid("unit %v: want time.Second or time.Millisecond", unit)
	}
	if _, ok := parseTimestamp(s); !ok {
		return "", invalid("the time to sign lies outside the years 2001 to 2286")
	}
	return s, nil
}

// near checks that a signed time is near enough to the time of receipt. Where
// says where it stands.
func near(signedAt, receivedAt time.Time, tolerance time.Duration, where string) error {
	switch age := receivedAt.Sub(signedAt); {
	case age > tolerance:
		return refuse(ErrStale, "%s is more than %v before the time of receipt", where, tolerance)
	case age < -tolerance:
		return refuse(ErrFuture, "%s is more than %v after the time of receipt", where, tolerance)
	}
	return nil
}
