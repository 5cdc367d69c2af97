package spool

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func open(t *testing.T, dir string) *Spool {
	t.Helper()
	s, err := Open(dir, "here")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func keep(t *testing.T, s *Spool, id idempotency.ID) {
	t.Helper()
	e := Answer{ID: id, Ledger: "here", At: time.Now(), Answer: idempotency.Answer{Vendor: "alpha", Delivery: postproof.Accepted}}
	if err := s.Put(e); err != nil {
		t.Fatal(err)
	}
}

// Whatever Put reported as kept is found by the next process, when another one
// has taken the writer's file over, and removed it, in between.
func TestAdoptedSpoolFileIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writer := open(t, dir)
	keep(t, writer, "1")
	adopter := open(t, dir)
	if got := adopter.All(); len(got) != 1 || got[0].ID != "1" {
		t.Fatalf("adopted %v", got)
	}
	keep(t, writer, "2")
	if err := adopter.Done(1, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	keep(t, writer, "3")
	var ids []idempotency.ID
	for _, e := range open(t, dir).All() {
		ids = append(ids, e.ID)
	}
	if len(ids) < 2 || ids[len(ids)-2] != "2" && ids[0] != "2" {
		t.Fatalf("the next process finds %v, want 2 and 3", ids)
	}
}

// A process that is done removes its own files, not those of others.
func TestSpoolRemovesOnlyItsOwnFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := open(t, dir), open(t, dir)
	keep(t, one, "1")
	keep(t, two, "2")
	if err := one.Done(1, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := open(t, dir).All(); len(got) != 1 || got[0].ID != "2" {
		t.Fatalf("left: %v", got)
	}
}

// After a failed write nothing is appended to what may be half a line.
func TestSpoolWritesElsewhereAfterAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	keep(t, s, "1")
	if _, err := s.file.WriteString(`{"id":"to`); err != nil { // the disk was full
		t.Fatal(err)
	}
	broken, err := os.Open(s.file.Name()) // a file that cannot be written
	if err != nil {
		t.Fatal(err)
	}
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	s.file = broken
	keep(t, s, "2")
	got := open(t, dir).All()
	if len(got) != 2 {
		t.Fatalf("the next process finds %v", got)
	}
}

// Of another folder a spool takes over what is its ledger's and it does not have yet; what
// is another ledger's, or cannot be read, is that folder's matter.
func TestSpoolTakesOverOnlyItsOwn(t *testing.T) {
	t.Parallel()
	here, there := t.TempDir(), t.TempDir()
	at := time.Now()
	answer := func(id idempotency.ID, ledger idempotency.Namespace) Answer {
		return Answer{ID: id, Ledger: ledger, At: at, Answer: idempotency.Answer{Vendor: "alpha", Delivery: postproof.Accepted}}
	}
	for _, e := range []Answer{answer("parked", "here"), answer("new", "here"), answer("foreign", "elsewhere")} {
		left, err := Open(there, e.Ledger)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(left.Put(e), left.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(fresh(there, damagedPattern), []byte("half\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, here)
	if err := s.Put(answer("parked", "here")); err != nil {
		t.Fatal(err)
	}
	if err := s.Done(1, []Answer{answer("parked", "here")}, at); err != nil {
		t.Fatal(err)
	}
	if err := s.TakeOver(there, "here"); err != nil {
		t.Fatal(err)
	}
	waiting, parked, foreign := s.Count()
	if diff := cmp.Diff([]int{1, 1, 0, 0}, []int{waiting, parked, foreign, s.aside}); diff != "" {
		t.Errorf("waiting, parked, foreign and set aside (-want +got):\n%s", diff)
	}
	if err := s.Done(1, nil, at); err != nil {
		t.Fatal(err)
	}
	if found, err := Look(there); err != nil || len(found.Of("here")) != 0 || len(found.Of("elsewhere")) != 1 || found.Damaged != 1 {
		t.Errorf("%+v, %v: what is not ours is to be left there, and nothing else", found, err)
	}
	if next := open(t, here).All(); len(next) != 1 || next[0].ID != "parked" {
		t.Errorf("the next process finds %v here, want what is parked", next)
	}
}
