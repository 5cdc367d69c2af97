package snapshot_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/snapshot"
)

const eraseList = "contact_id,name,address_line1,city,state,zip,code\n" +
	"1,\"Quill, Ada\",1 Main St,Reno,NV,89501,AAA\n" +
	"2,Al Roe,2 Main Street,Reno,NV,89501,BBB\n" +
	"3,Al Roe,3 Main St,,NV,89501,CCC\n" +
	"1,\"Quill, Ada\",1 Main St,Reno,NV,89501,AAA\n" +
	"4,Jo Poe,1 main street,Reno,NV,89501,DDD\n"

func eraseOptions(store snapshot.Store) snapshot.Options {
	return snapshot.Options{Campaign: "spring", Store: store, Columns: []string{"code"}}
}

// lines returns the lines of a snapshot's files, without their headers.
func linesOf(t *testing.T, store snapshot.Store, id snapshot.ID) (rows, rejects []string) {
	t.Helper()
	for i, name := range []string{"rows.csv", "rejects.csv"} {
		data := readFile(t, store, id, name)
		all := strings.Split(strings.TrimSuffix(data, "\n"), "\n")[1:]
		if i == 0 {
			rows = all
		} else {
			rejects = all
		}
	}
	return rows, rejects
}

func TestErase(t *testing.T) {
	t.Parallel()
	store := snapshot.NewMemory()
	old := take(t, eraseList, eraseOptions(store))
	rows, rejects := linesOf(t, store, old.ID())
	other := take(t, header+"9,Al Roe,9 Main St,,Reno,NV,89501\n", snapshot.Options{Campaign: "autumn", Store: store})
	var digests []string
	for row, err := range old.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if row.ContactID == "1" {
			digests = append(digests, snapshot.RowDigest(nil, old.ID(), row))
		}
	}

	dry, err := snapshot.Erase(t.Context(), store, snapshot.Erasure{Contacts: []string{" 1 "}, DryRun: true})
	want := []snapshot.Erased{{Snapshot: old.ID(), Accepted: 1, Rejected: 1, Digests: append(digests, digests...)}}
	if diff := cmp.Diff(want, dry); err != nil || diff != "" {
		t.Fatalf("dry run: %v (-want +got):\n%s", err, diff)
	}
	if _, err := snapshot.Open(t.Context(), store, old.ID()); err != nil {
		t.Fatalf("a dry run changed something: %v", err)
	}

	did, err := snapshot.Erase(t.Context(), store, snapshot.Erasure{Contacts: []string{"1"}})
	if err != nil || len(did) != 1 || did[0].Successor == "" {
		t.Fatalf("Erase = %v, %v", did, err)
	}
	want[0].Successor = did[0].Successor
	if diff := cmp.Diff(want, did); diff != "" {
		t.Errorf("what was done (-want +got):\n%s", diff)
	}
	next, err := snapshot.Open(t.Context(), store, did[0].Successor)
	if err != nil {
		t.Fatal(err)
	}
	m, was := next.Manifest(), old.Manifest()
	if diff := cmp.Diff(snapshot.Counts{Read: 5, Accepted: 2, Rejected: 1, Warned: 1, Erased: 2}, m.Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[snapshot.Code]int{snapshot.CodeMissing: 1, snapshot.CodeDuplicateAddress: 1}, m.Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if !slices.Equal(m.Replaces, []snapshot.ID{old.ID()}) || !slices.Equal(m.Erased, want[0].Digests) || !m.TakenAt.Equal(was.TakenAt) {
		t.Errorf("the manifest says that it replaces %v, less %v", m.Replaces, m.Erased)
	}
	// The other rows are the same bytes.
	gone := func(line string) bool { return strings.Contains(line, "Quill") }
	leftRows, leftRejects := linesOf(t, store, next.ID())
	if diff := cmp.Diff(slices.DeleteFunc(rows, gone), leftRows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(slices.DeleteFunc(rejects, gone), leftRejects); diff != "" {
		t.Errorf("rejects (-want +got):\n%s", diff)
	}
	// The old one names the new one, and cannot come back by its list.
	_, err = snapshot.Open(t.Context(), store, old.ID())
	named, ok := errors.AsType[*snapshot.ErasedError](err)
	if !ok || named.Successor != next.ID() || !errors.Is(err, snapshot.ErrErased) || !errors.Is(err, snapshot.ErrNotFound) || postproof.CodeOf(err) != postproof.CodeNotFound {
		t.Errorf("opening the old id: %v", err)
	}
	for _, err := range old.Rows(t.Context()) {
		if !errors.Is(err, snapshot.ErrErased) {
			t.Errorf("reading the old one on: %v", err)
		}
	}
	if _, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(eraseList), snapshot.Mapping{}), eraseOptions(store)); !errors.Is(err, snapshot.ErrErased) {
		t.Errorf("taking the list again: %v, want ErrErased", err)
	}
	nobody := snapshot.Suppression{List: snapshot.NewSuppressionList(nil, nil)}
	asked := eraseOptions(store)
	asked.Suppress = []snapshot.Suppression{nobody}
	if _, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(eraseList), snapshot.Mapping{}), asked); !errors.Is(err, snapshot.ErrErased) {
		t.Errorf("taking the list again, with a list that names nobody: %v, want ErrErased", err)
	}
	if _, err := snapshot.Open(t.Context(), store, other.ID()); err != nil {
		t.Errorf("another snapshot: %v", err)
	}
	// Once more does nothing.
	if again, err := snapshot.Erase(t.Context(), store, snapshot.Erasure{Contacts: []string{"1"}}); err != nil || len(again) > 0 {
		t.Errorf("again: %v, %v", again, err)
	}
}

// Somebody else later: the successor is replaced in turn, and every earlier id
// leads to the last one.
func TestEraseAgainAndByAddress(t *testing.T) {
	t.Parallel()
	for _, above := range []int64{-1, 1} {
		store := snapshot.NewMemory()
		opts := eraseOptions(store)
		opts.CompressAbove = above
		old := take(t, eraseList, opts)
		first, err := snapshot.Erase(t.Context(), store, snapshot.Erasure{Contacts: []string{"3"}, ProofKey: []byte("k")})
		if err != nil || len(first) != 1 {
			t.Fatalf("Erase = %v, %v", first, err)
		}
		place := snapshot.KeyOf(postproof.Address{Line1: "1 MAIN STREET", City: "Reno", Region: "NV", PostalCode: "89501-1234"})
		second, err := snapshot.Erase(t.Context(), store, snapshot.Erasure{IDs: []snapshot.ID{old.ID()}, Addresses: []snapshot.AddressKey{place}})
		if err != nil || len(second) != 1 || second[0].Snapshot != first[0].Successor || second[0].Accepted != 2 || second[0].Rejected != 1 {
			t.Fatalf("Erase = %v, %v", second, err)
		}
		for _, id := range []snapshot.ID{old.ID(), first[0].Successor} {
			_, err := snapshot.Open(t.Context(), store, id)
			if named, ok := errors.AsType[*snapshot.ErasedError](err); !ok || named.Successor != second[0].Successor {
				t.Errorf("opening %.8s: %v", id, err)
			}
		}
		s, err := snapshot.Open(t.Context(), store, second[0].Successor)
		if err != nil {
			t.Fatal(err)
		}
		m := s.Manifest()
		if !slices.Equal(m.Erased, slices.Concat(first[0].Digests, second[0].Digests)) {
			t.Errorf("the manifest's digests are not those that were returned: %v", m.Erased)
		}
		if len(m.Erased) != 4 || m.Counts.Erased != 4 || (m.Files[0].Gzip != nil) != (above > 0) {
			t.Errorf("%d digests, counts %+v", len(m.Erased), m.Counts)
		}
		for row, err := range s.Rows(t.Context()) {
			if code, _ := row.Field("code"); err != nil || row.Number != 3 || code != "BBB" {
				t.Errorf("row %d, %v, want the third line's", row.Number, err)
			}
		}
	}
}

// Without the key a row cannot be recognized by its digest.
func TestRowDigest(t *testing.T) {
	t.Parallel()
	row := snapshot.Row{Number: 7, ContactID: "1", Address: postproof.Address{Name: "Jo", Line1: "1 Main St"}}
	moved := row
	moved.Number = 8
	with := row.WithFields(snapshot.NewColumns("code"), "A")
	seen := map[string]string{}
	for name, d := range map[string]string{
		"plain": snapshot.RowDigest(nil, "a", row), "key": snapshot.RowDigest([]byte("k"), "a", row), "another key": snapshot.RowDigest([]byte("l"), "a", row),
		"another list": snapshot.RowDigest(nil, "b", row), "more columns": snapshot.RowDigest(nil, "a", with),
	} {
		if other, ok := seen[d]; ok || len(d) != 64 {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[d] = name
	}
	if snapshot.RowDigest(nil, "a", row) != snapshot.RowDigest(nil, "a", moved) {
		t.Error("the digest depends on the row's number")
	}
}

// Nothing of the person is left in any file of the folder.
func TestEraseLeavesNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := snapshot.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	take(t, eraseList, eraseOptions(store))
	if _, err := snapshot.Erase(t.Context(), store, snapshot.Erasure{Contacts: []string{"1"}}); err != nil {
		t.Fatal(err)
	}
	n := 0
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), "Quill") {
			err = fmt.Errorf("%s names the person", filepath.Base(path))
		}
		return err
	})
	if err != nil || n != 3 {
		t.Errorf("%d files, %v", n, err)
	}
}

// A snapshot that was moved to another disk and left a link opens as ever. An erasure
// finds it, and does not call the person gone when only the link would be.
func TestEraseBehindALink(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	store, err := snapshot.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := take(t, eraseList, eraseOptions(store))
	at, moved := filepath.Join(dir, string(s.ID())), filepath.Join(elsewhere, "moved")
	if err := errors.Join(os.Rename(at, moved), os.Symlink(moved, at)); err != nil {
		t.Skip(err)
	}
	if _, err := snapshot.Erase(t.Context(), store, snapshot.Erasure{Contacts: []string{"1"}}); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("Erase = %v, want it to say that her rows are behind a link", err)
	}
	if err := errors.Join(os.Remove(at), os.Rename(moved, at)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and then it is finished, once
		if _, err := snapshot.Erase(t.Context(), store, snapshot.Erasure{Contacts: []string{"1"}}); err != nil {
			t.Errorf("Erase: %v", err)
		}
	}
	if _, err := snapshot.Open(t.Context(), store, s.ID()); !errors.Is(err, snapshot.ErrErased) {
		t.Errorf("Open = %v, want ErrErased", err)
	}
}

func TestEraseWantsToKnowWhom(t *testing.T) {
	t.Parallel()
	for _, e := range []snapshot.Erasure{{}, {Contacts: []string{"  "}}} {
		if _, err := snapshot.Erase(t.Context(), snapshot.NewMemory(), e); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("%+v: %v", e, err)
		}
	}
	_, err := snapshot.Erase(t.Context(), snapshot.NewMemory(), snapshot.Erasure{Contacts: []string{"1"}, IDs: []snapshot.ID{snapshot.ID(strings.Repeat("a", 64))}})
	if !errors.Is(err, snapshot.ErrNotFound) || errors.Is(err, snapshot.ErrErased) {
		t.Errorf("an id that there never was: %v", err)
	}
}

func readFile(t *testing.T, store snapshot.Store, id snapshot.ID, name string) string {
	t.Helper()
	r, err := store.Open(t.Context(), id, name)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A snapshot that cannot be read stops neither the erasure in the others nor the
// taking of new ones, and is told of.
func TestEraseBesideABrokenSnapshot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := snapshot.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"0", "f"} { // before it and behind
		if err := os.Mkdir(filepath.Join(dir, strings.Repeat(c, 64)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s := take(t, eraseList, eraseOptions(store))
	did, err := snapshot.Erase(t.Context(), store, snapshot.Erasure{Contacts: []string{"1"}})
	if !errors.Is(err, snapshot.ErrCorrupt) || !strings.Contains(err.Error(), "000000000000") || !strings.Contains(err.Error(), "ffffffffffff") {
		t.Errorf("err = %v, want one that names the broken ones", err)
	}
	if len(did) != 1 || did[0].Snapshot != s.ID() {
		t.Errorf("done: %v", did)
	}
	if _, err := snapshot.Open(t.Context(), store, s.ID()); !errors.Is(err, snapshot.ErrErased) {
		t.Errorf("the old one: %v", err)
	}
}
