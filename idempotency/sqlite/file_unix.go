//go:build unix

package sqlite

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// fileID returns the file's inode and device.
func fileID(info os.FileInfo) (inode, device string) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", ""
	}
	return strconv.FormatUint(uint64(st.Ino), 10), strconv.FormatUint(uint64(st.Dev), 10) //nolint:unconvert // the types differ from system to system
}

// links is how many names the file has.
func links(info os.FileInfo) uint64 {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 1
	}
	return uint64(st.Nlink) //nolint:unconvert // the types differ from system to system
}

// bootID names the present run of the system; empty where it has no name.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// syncFolder makes a new name in the folder durable.
func syncFolder(dir *os.File) error { return dir.Sync() }
