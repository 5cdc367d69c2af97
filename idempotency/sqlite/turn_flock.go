//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sqlite

import (
	"errors"
	"syscall"
)

// takeTurn takes the turn if nobody has it. The lock belongs to the open file, so
// it also stands between two stores of one process.
func (m *marker) takeTurn() bool {
	for {
		err := syscall.Flock(int(m.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return !errors.Is(err, syscall.EWOULDBLOCK) // a file that cannot be locked has no turns
		}
	}
}

func (m *marker) giveTurn() {
	_ = syscall.Flock(int(m.file.Fd()), syscall.LOCK_UN) // what was not taken is not there to be given
}
