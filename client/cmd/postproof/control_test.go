package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// After a restored backup every vendor takes the job that the page shows, as a piece
// to its operator, with nothing but the credentials.
func TestControlPieceAtEachVendor(t *testing.T) {
	t.Parallel()
	sim, err := vendorsim.Start(vendorsim.Config{Vendors: []vendorsim.Vendor{{Name: "lob"}, {Name: "pcm"}, {Name: "postgrid"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	dir := t.TempDir()
	ledger, job := filepath.Join(dir, "mail.db"), filepath.Join(dir, "me.json")
	store, err := sqlite.Open(t.Context(), ledger, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(ledger + "-epoch"); err != nil { // as whoever restores a backup does
		t.Fatal(err)
	}
	if err := os.WriteFile(job, []byte(jobOnThePage(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"LOB_API_KEY": "test_simlob", "PCM_API_KEY": "sandbox-pcm", "PCM_API_SECRET": "sandbox-secret-pcm", "POSTGRID_API_KEY": "test_sk_simpostgrid",
	}
	run := func(args ...string) (int, string) {
		p := program{env: func(name string) string { return env[name] }}
		var said strings.Builder
		code := operator.Main(t.Context(), operator.Config{
			Args: append([]string{
				"-store", ledger, "-by", "ann", "-yes", "-vendor-url", "lob=" + sim.URL + "/lob/v1 pcm=" + sim.URL + "/pcm postgrid=" + sim.URL + "/postgrid/print-mail/v1",
			}, args...),
			Stdout: &said, Stderr: &said, Flags: p.flags, Open: p.open, Vendors: p.adapters,
		})
		return code, said.String()
	}
	if code, said := run("control", "lob", "-job", job); code != operator.ExitError || !strings.Contains(said, "recover -h") {
		t.Errorf("before the recovery: exit code %d\n%s", code, said)
	}
	if code, said := run("recover"); code != operator.ExitOK {
		t.Fatalf("recover: exit code %d\n%s", code, said)
	}
	for n, vendor := range []string{"lob", "pcm", "postgrid"} {
		if code, said := run("control", vendor, "-job", job); code != operator.ExitOK || len(sim.Prints()) != n+1 {
			t.Errorf("%s: exit code %d, %d pieces\n%s", vendor, code, len(sim.Prints()), said)
		}
	}
}
