package client_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/snapshot"
)

// wordsInFiles returns where in a folder something names her.
func wordsInFiles(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, word := range adaWords {
			if strings.Contains(strings.ToLower(string(data)), strings.ToLower(word)) {
				all = append(all, filepath.Base(path)+": "+word)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// After an erasure she stands in no byte of any file: the ledger's, its log's,
// the artwork's, the spool's, the snapshots'. Also not after it was worked on,
// and opened again.
func TestEraseLeavesNoByteInAnyFile(t *testing.T) {
	t.Parallel()
	for _, compact := range []bool{false, true} {
		t.Run(fmt.Sprint("compact ", compact), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "mail.db")
			ledger, err := sqlite.Open(t.Context(), path, sqlite.WithMode(postproof.ModeTest))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = ledger.Close() })
			p := newPress(t, "alpha", postproof.IdempotencyRef)
			c := newClient(t, ledger, []*press{p})
			// What a job of hers had that was amended, and one that was pruned.
			old := letterOf(ada(), "<b>Dear Ada Quill, your last bill</b>")
			old.Key = "winter/" + adaKey
			enqueue(t, c, client.JobList(old, letterOf(ada(), "<b>Dear Ada Quill, your next bill</b>")))
			cancel(t, c, old.Key)
			if n, err := ledger.Prune(t.Context(), time.Now().Add(time.Hour), 0); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			if _, err := c.Amend(t.Context(), ada(), client.Actor{By: "ann"}); err != nil {
				t.Fatal(err)
			}
			for i := range 30 {
				other := job(fmt.Sprint("contact-", i))
				other.To.Name = "Ben Poe"
				if _, err := c.Submit(t.Context(), other); err != nil {
					t.Fatal(err)
				}
				if i == 15 {
					rec, err := c.Submit(t.Context(), ada())
					if err != nil {
						t.Fatal(err)
					}
					callbackOf(t, ledger, idempotency.MessageApplied, "evt", `{"ref":"`+string(rec.Submissions[0].Ref)+`","to":"Ada Quill, 12 Elm Street"}`)
				}
			}
			lists, err := snapshot.OpenFolder(filepath.Join(dir, "lists"))
			if err != nil {
				t.Fatal(err)
			}
			list := "contact_id,name,address_line1,city,state,zip\n" + adaContact + ",Ada Quill,12 Elm Street,Springfield,IL,62701\nben,Ben Poe,3 Oak St,Springfield,IL,62701\n"
			if _, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(list), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: lists}); err != nil {
				t.Fatal(err)
			}
			if len(wordsInFiles(t, dir)) < 5 {
				t.Fatal("the test looks for what was never there")
			}
			e := eraseAda()
			e.Contacts, e.Now, e.Artwork, e.Compact, e.Snapshots = []string{adaContact}, true, true, compact, lists
			rep := erase(t, c, e)
			want := map[bool]client.StorageOutcome{false: client.StorageOverwritten, true: client.StorageCompacted}[compact]
			if rep.Storage != want || !rep.Complete() {
				t.Errorf("storage %s, complete %v", rep.Storage, rep.Complete())
			}
			if all := wordsInFiles(t, dir); len(all) > 0 {
				t.Errorf("she stands in %q", all)
			}
			// Whoever hands her in again brings nothing back.
			if _, err := c.Submit(t.Context(), ada()); err != nil {
				t.Errorf("submitted again: %v", err)
			}
			if err := ledger.Close(); err != nil {
				t.Fatal(err)
			}
			if ledger, err = sqlite.Open(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			if id, err := ledger.Identity(t.Context()); err != nil || id.EpochChanged() {
				t.Errorf("opened again: epoch changed %v, %v", id.EpochChanged(), err)
			}
			if all := wordsInFiles(t, dir); len(all) > 0 {
				t.Errorf("after it was closed and opened she stands in %q", all)
			}
			if len(p.orders) != 31 {
				t.Errorf("%d orders", len(p.orders))
			}
		})
	}
}
