package postgres

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
)

// TestZeroOptions hands in what a configuration that nobody filled in holds.
func TestZeroOptions(t *testing.T) {
	t.Parallel()
	s, err := newSettings([]Option{WithClock(nil), WithSchema(""), WithPatience(0)})
	if err != nil || s.clock == nil || s.schema != "postproof" || s.patience != 15*time.Second {
		t.Errorf("settings %+v, %v, want the defaults", s, err)
	}
	for name, o := range map[string]Option{"patience": WithPatience(-1), "schema": WithSchema("1a"), "mode": WithMode("prod"), "nil": nil} {
		if _, err := newSettings([]Option{o}); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("%s: %v, want an invalid argument", name, err)
		}
	}
}
