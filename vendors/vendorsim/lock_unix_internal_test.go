//go:build unix

package vendorsim

import (
	"syscall"
	"testing"
)

// A program that is started while a simulator is closed has its files open for a moment:
// the next simulator starts all the same.
func TestClosedBesideAProgramThatStarts(t *testing.T) {
	t.Parallel()
	cfg := Config{Dir: t.TempDir()}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	state, ok := s.files[0].(lockedFile)
	if !ok {
		t.Fatalf("the first file is a %T, want the one with the lock", s.files[0])
	}
	child, err := syscall.Dup(int(state.Fd())) // as a fork has it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(child) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	next, err := New(cfg)
	if err != nil {
		t.Fatalf("it does not start again: %v", err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}
