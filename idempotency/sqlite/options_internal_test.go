package sqlite

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
)

// TestZeroOptions hands in what a configuration that nobody filled in holds.
func TestZeroOptions(t *testing.T) {
	t.Parallel()
	s, err := newSettings([]Option{WithClock(nil), WithReaders(0), WithBusyTimeout(0), WithLogger(nil)})
	if err != nil || s.clock == nil || s.readers != 4 || s.busy != 10*time.Second || s.logger == nil {
		t.Errorf("settings %+v, %v, want the defaults", s, err)
	}
	for name, o := range map[string]Option{"readers": WithReaders(-1), "busy": WithBusyTimeout(-1), "nil": nil} {
		if _, err := newSettings([]Option{o}); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("%s: %v, want an invalid argument", name, err)
		}
	}
}
