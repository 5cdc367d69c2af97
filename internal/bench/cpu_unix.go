//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpuTime returns how long the process was on a processor, in user and kernel
// mode. Unlike the time of day it does not count the neighbors' work.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
