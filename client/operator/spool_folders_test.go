package operator_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// The spool folders of all workers are listed with their hosts, with what to do about
// those that were left; who needs no person does not exit as if.
func TestSpoolFoldersAreListed(t *testing.T) {
	t.Parallel()
	const mark = "ABCDEFGHJKLMNPQRSTUVWXYZ22"
	held := `{"id":"` + idOf(77) + `","at":"2000-01-01T00:00:00Z","answer":{"Vendor":"alpha","Ref":"7K2M9Q4T1B8X6Z0W","Delivery":"accepted"}}` + "\n"
	for name, tc := range map[string]struct {
		in    map[string]string // files, where it is on this machine
		users bool              // a worker has it
		holds int
		doubt bool // a job may be with a vendor
		want  string
		// needs: it needs a person, silent: the first screen does not speak of it
		needs, silent bool
	}{
		"in use":                 {users: true, holds: 2, want: "in use: its worker applies what lies there", silent: true},
		"in use here":            {users: true, in: map[string]string{"answers-a.jsonl": held}, want: "in use: its worker", silent: true},
		"elsewhere":              {want: "not on this machine. Answers may lie there: start a worker there, or move", silent: true},
		"elsewhere, and a doubt": {doubt: true, want: "Answers may lie there"},
		"elsewhere with answers": {holds: 2, want: "not on this machine. 2 answers lay there: start", needs: true},
		"here with answers":      {in: map[string]string{"answers-a.jsonl": held}, want: "left by its worker with 1 answer, which a worker takes over when it is started here", needs: true},
		"here, damaged":          {in: map[string]string{"damaged-a.jsonl": held}, want: "1 file that cannot be read", needs: true},
		"here, not to be read":   {in: map[string]string{"answers-a.jsonl/": ""}, want: "cannot be looked into (spool: read: is a directory)", needs: true},
		"here, empty":            {in: map[string]string{}, silent: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				store, p := idempotency.NewMemory(postproof.ModeTest), newPrinter(t, "alpha")
				w := newWorld(t, store, []*printer{p})
				if tc.doubt {
					p.setFault(func(int) string { return "drop" })
					w.submit(t, job(1))
				}
				if tc.in != nil {
					tc.in["spool-"+mark] = ""
				}
				for file, text := range tc.in {
					path := filepath.Join(dir, file)
					write := func() error { return os.WriteFile(path, []byte(text), 0o600) }
					if strings.HasSuffix(file, "/") {
						write = func() error { return os.Mkdir(path, 0o700) }
					}
					if err := write(); err != nil {
						t.Fatal(err)
					}
				}
				id, err := store.Identity(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				note := map[string]any{"id": mark, "ledger": id.Namespace, "host": "press-7", "dir": dir, "seen": time.Now(), "holds": tc.holds}
				if tc.users {
					note["users"] = map[string]time.Time{"one": time.Now()}
				}
				value, err := json.Marshal([]any{note})
				if err != nil {
					t.Fatal(err)
				}
				set := []idempotency.SettingWrite{{Name: "spool/folders", Value: value}}
				if err := idempotency.CommitOne(t.Context(), store, idempotency.Change{Settings: set}); err != nil {
					t.Fatal(err)
				}
				code := operator.ExitOK
				if tc.needs {
					code = operator.ExitNeedsPerson
				}
				list := strings.Join(strings.Fields(w.must(t, code, "spool").out), " ")
				if tc.want == "" && strings.Contains(list, "press-7") || tc.want != "" && (!strings.Contains(list, tc.want) || !strings.Contains(list, dir+" on press-7")) {
					t.Errorf("spool says %s", list)
				}
				found := false
				for _, o := range w.must(t, code, "spool", "-json").objects(t) {
					found = found || o["type"] == "spool_folder" && o["host"] == "press-7" && o["folder"] == dir && o["needs_person"] == tc.needs
				}
				if found != (tc.want != "") {
					t.Errorf("spool -json lists it: %t", found)
				}
				first := w.must(t, code, "status").out
				if strings.Contains(first, "spool folder") == tc.silent {
					t.Errorf("the first screen says\n%s", first)
				}
			})
		})
	}
}
