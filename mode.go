package postproof

import "fmt"

// Mode separates paper from rehearsal. A ledger has one mode for ever, and
// events of the other mode are counted and ignored.
type Mode string

// The modes.
const (
	// ModeTest prints nothing.
	ModeTest Mode = "test"
	// ModeLive prints, and costs.
	ModeLive Mode = "live"
)

// Validate returns an error unless the mode is one of the two.
func (m Mode) Validate() error {
	if m == ModeTest || m == ModeLive {
		return nil
	}
	return NewError(CodeInvalidArgument, NotSent, fmt.Errorf("mode %q: want %q or %q", string(m), ModeTest, ModeLive))
}
