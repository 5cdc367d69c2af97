//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// unprivileged makes the command one of a user who may not write everywhere, and
// gives that user the folders: root asks no mode for permission.
func unprivileged(t *testing.T, cmd *exec.Cmd, folders ...string) {
	t.Helper()
	const nobody = 65534
	if os.Geteuid() != 0 {
		return
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	for _, above := range append([]string{bin}, parents(folders)...) {
		if err := os.Chmod(above, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, nobody, nobody)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func parents(folders []string) (all []string) {
	for _, folder := range folders {
		all = append(all, filepath.Dir(folder))
	}
	return all
}
