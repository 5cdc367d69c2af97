package snapshottest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/postproof/postproof/snapshot"
)

func draftIsHidden(t reporter, h Harness) {
	d := begin(t, h.Store)
	absent(t, h.Store, idOf('a'))
	write(t, d, smallFiles("draft"))
	absent(t, h.Store, idOf('a'))
	if err := d.Discard(); err != nil {
		t.Errorf("discard: %v", err)
	}
}

func commitKeepsBytes(t reporter, h Harness) {
	all := files{"manifest.json": awkward(1), "rows.csv.gz": awkward(2), "rejects.csv": {}}
	commit(t, h.Store, idOf('a'), all)
	want(t, h.Store, idOf('a'), all)
	if got := list(t, h.Store); !slices.Equal(got, []snapshot.ID{idOf('a')}) {
		t.Errorf("the list has %d ids, want the one that was committed", len(got))
	}
}

func createdOnce(t reporter, h Harness) {
	if !commit(t, h.Store, idOf('a'), smallFiles("x")) {
		t.Errorf("the first commit of an id says that it was there")
	}
	if commit(t, h.Store, idOf('a'), smallFiles("x")) {
		t.Errorf("the second commit of an id says that it has created it")
	}
}

func secondCommitChangesNothing(t reporter, h Harness) {
	commit(t, h.Store, idOf('a'), smallFiles("first"))
	commit(t, h.Store, idOf('a'), smallFiles("second"))
	want(t, h.Store, idOf('a'), smallFiles("first"))
	if got := list(t, h.Store); len(got) != 1 {
		t.Errorf("the list has %d ids, want 1", len(got))
	}
}

func discardLeavesNothing(t reporter, h Harness) {
	d := begin(t, h.Store)
	write(t, d, smallFiles("x"))
	if err := d.Discard(); err != nil {
		t.Errorf("discard: %v", err)
	}
	if err := d.Discard(); err != nil {
		t.Errorf("discard again: %v", err)
	}
	absent(t, h.Store, idOf('a'))
	// And the store goes on.
	commit(t, h.Store, idOf('a'), smallFiles("y"))
	want(t, h.Store, idOf('a'), smallFiles("y"))
}

func discardAfterCommit(t reporter, h Harness) {
	d := begin(t, h.Store)
	write(t, d, smallFiles("x"))
	if _, err := d.Commit(t.Context(), idOf('a')); err != nil {
		t.Fatalf("commit: %v", err)
	}
	if err := d.Discard(); err != nil {
		t.Errorf("discard: %v", err)
	}
	want(t, h.Store, idOf('a'), smallFiles("x"))
}

func unknownIsNotFound(t reporter, h Harness) {
	commit(t, h.Store, idOf('a'), smallFiles("x"))
	for _, id := range []snapshot.ID{idOf('b'), "", "..", "../" + idOf('a'), "draft"} {
		if _, err := h.Store.Open(t.Context(), id, "manifest.json"); !errors.Is(err, snapshot.ErrNotFound) {
			t.Errorf("open of an id of %d characters: got %v, want ErrNotFound", len(id), err)
		}
	}
}

func missingFileIsCorrupt(t reporter, h Harness) {
	commit(t, h.Store, idOf('a'), smallFiles("x"))
	_, err := h.Store.Open(t.Context(), idOf('a'), "rows.csv.gz")
	if !errors.Is(err, snapshot.ErrCorrupt) || !strings.Contains(err.Error(), "rows.csv.gz") {
		t.Errorf("got %v, want ErrCorrupt that names the file", err)
	}
}

func manyReaders(t reporter, h Harness) {
	data := awkward(3)
	commit(t, h.Store, idOf('a'), files{"rows.csv": data})
	var readers [4]io.ReadCloser
	for i := range readers {
		r, err := h.Store.Open(t.Context(), idOf('a'), "rows.csv")
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		readers[i] = r
	}
	errs := make([]error, len(readers))
	var wg sync.WaitGroup
	for i, r := range readers {
		wg.Go(func() {
			got, err := io.ReadAll(r)
			if err == nil && !bytes.Equal(got, data) {
				err = fmt.Errorf("has %d bytes that are not the %d that were written", len(got), len(data))
			}
			errs[i] = errors.Join(err, r.Close())
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Errorf("readers: %v", err)
	}
}

func listIsSorted(t reporter, h Harness) {
	var ids []snapshot.ID
	for _, c := range []byte("f0b92ad") {
		commit(t, h.Store, idOf(c), smallFiles(string(rune(c))))
		ids = append(ids, idOf(c))
	}
	slices.Sort(ids)
	if got := list(t, h.Store); !slices.Equal(got, ids) {
		t.Errorf("the list is %.1s, want %.1s", got, ids)
	}
}

func listStops(t reporter, h Harness) {
	for _, c := range []byte("abc") {
		commit(t, h.Store, idOf(c), smallFiles("x"))
	}
	n := 0
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("the listing goes on after its consumer broke off: %v", p)
		}
	}()
	for _, err := range h.Store.List(t.Context()) {
		if err != nil {
			t.Errorf("list: %v", err)
		}
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d ids, want 2", n)
	}
}

func draftsDoNotMix(t reporter, h Harness) {
	one, two := begin(t, h.Store), begin(t, h.Store)
	a, err := one.Create("rows.csv")
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	b, err := two.Create("rows.csv")
	if err != nil {
		t.Fatalf("create in another draft: %v", err)
	}
	for i := range 100 {
		if _, err := fmt.Fprintf(a, "a%d", i); err != nil {
			t.Fatalf("write: %v", err)
		}
		if _, err := fmt.Fprintf(b, "b%d", i); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
	if err := errors.Join(a.Close(), b.Close()); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := two.Discard(); err != nil {
		t.Fatalf("discard: %v", err)
	}
	if _, err := one.Commit(t.Context(), idOf('a')); err != nil {
		t.Fatalf("commit beside a discarded draft: %v", err)
	}
	got, err := read(t.Context(), h.Store, idOf('a'), "rows.csv")
	if err != nil || !strings.HasPrefix(string(got), "a0a1a2") || strings.Contains(string(got), "b") {
		t.Errorf("%d bytes, %v; want those of one draft", len(got), err)
	}
}

func concurrentCommits(t reporter, h Harness) {
	const n = 6
	created, errs := make([]bool, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			d, err := h.Store.Begin(t.Context())
			if err != nil {
				errs[i] = err
				return
			}
			for name, data := range smallFiles("same") {
				w, err := d.Create(name)
				if err != nil {
					errs[i] = err
					return
				}
				_, err = w.Write(data)
				errs[i] = errors.Join(errs[i], err, w.Close())
			}
			ok, err := d.Commit(t.Context(), idOf('a'))
			created[i], errs[i] = ok, errors.Join(errs[i], err, d.Discard())
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Errorf("commit: %v", err)
	}
	winners := 0
	for _, ok := range created {
		if ok {
			winners++
		}
	}
	if winners != 1 {
		t.Errorf("%d of %d commits of one id say that they have created it, want 1", winners, n)
	}
	want(t, h.Store, idOf('a'), smallFiles("same"))
}

func outlives(t reporter, h Harness) {
	if h.Reopen == nil {
		return
	}
	begin(t, h.Store) // left as it is, as by a process that was killed
	left := begin(t, h.Store)
	write(t, left, smallFiles("left"))
	commit(t, h.Store, idOf('a'), smallFiles("x"))
	again, err := h.Reopen()
	if err != nil {
		t.Fatalf("reopen: %v", err)
	}
	want(t, again, idOf('a'), smallFiles("x"))
	if got := list(t, again); !slices.Equal(got, []snapshot.ID{idOf('a')}) {
		t.Errorf("the list has %d ids, want the one that was committed", len(got))
	}
}

func takeAndOpen(t reporter, h Harness) {
	var csv strings.Builder
	csv.WriteString("contact_id,name,address_line1,city,state,zip\n")
	const n = 5000
	for i := range n {
		fmt.Fprintf(&csv, "%d,Jo,%d Main St,Reno,NV,89501\n", i, i)
	}
	for _, above := range []int64{-1, 1} {
		s, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(csv.String()), snapshot.Mapping{}),
			snapshot.Options{Campaign: fmt.Sprintf("c%d", above), Store: h.Store, CompressAbove: above})
		if err != nil {
			t.Fatalf("take: %v", err)
		}
		opened, err := snapshot.Open(t.Context(), h.Store, s.ID())
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		rows := 0
		for _, err := range opened.Rows(t.Context()) {
			if err != nil {
				t.Fatalf("rows: %v", err)
			}
			rows++
		}
		if rows != n {
			t.Errorf("%d rows, want %d", rows, n)
		}
	}
}
