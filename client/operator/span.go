package operator

import (
	"errors"
	"flag"
	"strconv"
	"strings"
	"time"
)

// span is a flag for how long ago: a duration as Go writes it, or so many days.
type span time.Duration

// spanVar defines a flag for how long ago something was.
func spanVar(fs *flag.FlagSet, to *time.Duration, name string, otherwise time.Duration, usage string) {
	*to = otherwise
	fs.Var((*span)(to), name, usage)
}

// String implements [flag.Value].
func (s *span) String() string { return time.Duration(*s).String() }

// Set implements [flag.Value].
func (s *span) Set(text string) error {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		if d = time.Duration(n) * 24 * time.Hour; n < 0 || n > 36500 {
			err = strconv.ErrRange
		}
	}
	if err != nil || d < 0 {
		return errors.New("want how long ago, as 90m, 48h or 3d")
	}
	*s = span(d)
	return nil
}
