//go:build unix

package vendorsim

import (
	"os"
	"syscall"
)

// lockFile takes the file for this process; the lock ends with the process,
// however it ends.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

func unlockFile(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
