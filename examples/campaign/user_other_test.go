//go:build !unix

package main

import (
	"os/exec"
	"testing"
)

// unprivileged does nothing where nobody is root.
func unprivileged(*testing.T, *exec.Cmd, ...string) {}
