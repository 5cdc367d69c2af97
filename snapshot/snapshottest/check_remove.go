package snapshottest

import (
	"github.com/postproof/postproof/snapshot"
)

func removed(t reporter, h Harness) {
	commit(t, h.Store, idOf('a'), smallFiles("x"))
	remove(t, h.Store, idOf('a'))
	absent(t, h.Store, idOf('a'))
}

func removedAgain(t reporter, h Harness) {
	commit(t, h.Store, idOf('a'), smallFiles("x"))
	commit(t, h.Store, idOf('b'), smallFiles("y"))
	d := begin(t, h.Store)
	write(t, d, smallFiles("z"))
	for range 2 {
		remove(t, h.Store, idOf('a'))
		want(t, h.Store, idOf('b'), smallFiles("y"))
	}
	for _, id := range []snapshot.ID{idOf('c'), "", "..", "../" + idOf('b'), "draft"} {
		remove(t, h.Store, id)
	}
	want(t, h.Store, idOf('b'), smallFiles("y"))
	// A draft that somebody is at work on is no snapshot, and stays as well.
	if _, err := d.Commit(t.Context(), idOf('d')); err != nil {
		t.Fatalf("commit of a draft beside a removal: %v", err)
	}
	want(t, h.Store, idOf('d'), smallFiles("z"))
}

func removedAndCommitted(t reporter, h Harness) {
	commit(t, h.Store, idOf('a'), smallFiles("first"))
	remove(t, h.Store, idOf('a'))
	if !commit(t, h.Store, idOf('a'), smallFiles("second")) {
		t.Errorf("the commit of an id that was removed says that it was there")
	}
	want(t, h.Store, idOf('a'), smallFiles("second"))
}

func removedOutlives(t reporter, h Harness) {
	if h.Reopen == nil {
		return
	}
	commit(t, h.Store, idOf('a'), smallFiles("x"))
	remove(t, h.Store, idOf('a'))
	again, err := h.Reopen()
	if err != nil {
		t.Fatalf("reopen: %v", err)
	}
	absent(t, again, idOf('a'))
}
