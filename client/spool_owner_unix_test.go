//go:build unix

package client_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof/client"
)

// An operator's command that root gives takes the answers over that a worker of another user
// parked, and gives them back where it can be read by that worker.
func TestWhatRootSpoolsIsTheWorkers(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can do this")
	}
	const worker = 12345
	for name, own := range map[string]bool{"the folder is named": true, "the ledger knows it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, s, dir := unasked(t), newVeiled(), t.TempDir()
				spoolOneVeiled(t, s, p, dir)
				for _, name := range append(files(t, dir), dir) {
					if err := os.Chown(name, worker, worker); err != nil {
						t.Fatal(err)
					}
				}
				s.cover(newer)
				var opts []client.Option
				if own {
					opts = append(opts, client.WithSpool(dir))
				}
				c := newClient(t, s, []*press{p}, opts...)
				if all := runAndList(t, c); len(all) != 1 || all[0].Parked == "" {
					t.Fatalf("Spooled = %+v, want the parked answer", all)
				}
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
				left := files(t, dir)
				for _, name := range left {
					info, err := os.Stat(name)
					if err != nil {
						t.Fatal(err)
					}
					if owner, ok := info.Sys().(*syscall.Stat_t); !ok || owner.Uid != worker {
						t.Errorf("%s is not the worker's: it cannot start again", filepath.Base(name))
					}
				}
				if len(left) != 1 {
					t.Errorf("it lies in %d files, want one", len(left))
				}
			})
		})
	}
}
