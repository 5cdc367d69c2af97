package sqlite

import (
	"cmp"
	"fmt"
	"log/slog"
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
	blobDir  string
	readOnly bool
	readers  int
	busy     time.Duration
	logger   *slog.Logger
}

func newSettings(opts []Option) (settings, error) {
	var s settings
	for i, o := range opts {
		if o == nil {
			return s, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, fmt.Errorf("option %d is nil: leave it out", i))
		}
		o.apply(&s)
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if s.clock == nil {
		s.clock = postproof.SystemClock()
	}
	s.readers, s.busy = cmp.Or(s.readers, 4), cmp.Or(s.busy, 10*time.Second)
	switch {
	case s.readers < 0:
		return s, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, fmt.Errorf("WithReaders(%d): want at least 1, or 0 for the default", s.readers))
	case s.busy < 0:
		return s, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, fmt.Errorf("WithBusyTimeout(%s): negative", s.busy))
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

// WithBlobDir sets the folder of the artwork. The default is the database's
// path with "-blobs" added. It is made when it is not there.
func WithBlobDir(dir string) Option { return optionFunc(func(s *settings) { s.blobDir = dir }) }

// WithReadOnly opens an existing ledger for looking only: every write returns
// [ErrReadOnly], and the marker beside the file is left alone. Other processes
// may work on the ledger meanwhile.
func WithReadOnly() Option { return optionFunc(func(s *settings) { s.readOnly = true }) }

// WithReaders sets how many reads run at the same time, beside the one writer;
// the default is 4. Each holds a connection of some megabytes.
func WithReaders(n int) Option { return optionFunc(func(s *settings) { s.readers = n }) }

// WithBusyTimeout sets how long a write waits for another process; the default
// is 10 seconds.
func WithBusyTimeout(d time.Duration) Option { return optionFunc(func(s *settings) { s.busy = d }) }

// WithLogger sets where the store tells of what is amiss and stops nothing: left-over
// files that cannot be deleted. The default, also for nil, is [slog.Default].
func WithLogger(l *slog.Logger) Option { return optionFunc(func(s *settings) { s.logger = l }) }
