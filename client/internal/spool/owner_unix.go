//go:build unix

package spool

import (
	"os"
	"syscall"
)

// giveToOwner gives a new file in a spool folder to whose the folder is: a command that root
// gives must leave nothing there that the workers cannot read, or none of them starts again.
func giveToOwner(f *os.File, dir string) {
	if os.Geteuid() != 0 {
		return // it is ours, and stays so
	}
	if folder, err := os.Stat(dir); err == nil {
		if owner, ok := folder.Sys().(*syscall.Stat_t); ok {
			_ = f.Chown(int(owner.Uid), int(owner.Gid)) // where that is forbidden it is durable all the same
		}
	}
}
