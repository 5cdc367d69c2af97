//go:build unix

package client_test

import (
	"syscall"
	"time"
)

// cpuTime is how long the process has had a processor, in its own code and in
// the system's.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
