package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/postproof/postproof"
)

// Option changes how a store is opened. A zero value, nil included, is the default.
type Option interface{ apply(*settings) }

type optionFunc func(*settings)

func (f optionFunc) apply(s *settings) { f(s) }

type settings struct {
	mode     postproof.Mode
	clock    postproof.Clock
	schema   string
	patience time.Duration
}

func newSettings(opts []Option) (settings, error) {
	var s settings
	for i, o := range opts {
		if o == nil {
			return s, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, fmt.Errorf("option %d is nil: leave it out", i))
		}
		o.apply(&s)
	}
	if s.clock == nil {
		s.clock = postproof.SystemClock()
	}
	s.schema, s.patience = cmp.Or(s.schema, "postproof"), cmp.Or(s.patience, 15*time.Second)
	switch {
	case s.mode != "" && s.mode.Validate() != nil:
		return s, s.mode.Validate()
	case !regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`).MatchString(s.schema):
		return s, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent,
			errors.New("WithSchema: want a name of at most 63 characters of a-z, 0-9 and _, not beginning with a digit"))
	case s.patience < 0:
		return s, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, fmt.Errorf("WithPatience(%s): negative", s.patience))
	}
	return s, nil
}

// WithMode says which mode the ledger has. It is needed to create one, which
// fixes the mode for ever. To open a ledger of another mode is an error with
// [postproof.CodeConflict]; one that is not there, without a mode, with
// [postproof.CodeInvalidArgument].
func WithMode(mode postproof.Mode) Option { return optionFunc(func(s *settings) { s.mode = mode }) }

// WithClock sets the clock; the default is the machine's. It stamps what
// callers leave out, and the creation.
func WithClock(clock postproof.Clock) Option {
	return optionFunc(func(s *settings) { s.clock = clock })
}

// WithSchema sets the schema in which the ledger's tables are, one ledger each;
// the default is "postproof". It is made when it is not there.
func WithSchema(name string) Option { return optionFunc(func(s *settings) { s.schema = name }) }

// WithPatience sets how long a write waits for a server that cannot be reached,
// that restarts or fails over, before it returns an error; the default is 15
// seconds. A write whose connection was lost at the commit waits as long to
// learn whether it was made. So does [New] for another connection when its first one
// is lost; a server that it cannot reach at all it tells of at once.
func WithPatience(d time.Duration) Option { return optionFunc(func(s *settings) { s.patience = d }) }
