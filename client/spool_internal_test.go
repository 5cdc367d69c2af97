package client

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

func open(t *testing.T, dir string) *spool {
	t.Helper()
	s, err := openSpool(dir, "here")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func keep(t *testing.T, s *spool, id idempotency.ID) {
	t.Helper()
	e := spooled{ID: id, Ledger: "here", At: time.Now(), Answer: idempotency.Answer{Vendor: "alpha", Delivery: postproof.Accepted}}
	if err := s.put(e); err != nil {
		t.Fatal(err)
	}
}

// Whatever put reported as kept is found by the next process, when another one
// has taken the writer's file over, and removed it, in between.
func TestAdoptedSpoolFileIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writer := open(t, dir)
	keep(t, writer, "1")
	adopter := open(t, dir)
	if got := adopter.all(); len(got) != 1 || got[0].ID != "1" {
		t.Fatalf("adopted %v", got)
	}
	keep(t, writer, "2")
	if err := adopter.done(1, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	keep(t, writer, "3")
	var ids []idempotency.ID
	for _, e := range open(t, dir).all() {
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
	if err := one.done(1, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := open(t, dir).all(); len(got) != 1 || got[0].ID != "2" {
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
	got := open(t, dir).all()
	if len(got) != 2 {
		t.Fatalf("the next process finds %v", got)
	}
}

// What a recovery suspected is found: it counts, and no cap forbids it.
func TestCountersForbidOnlyIntents(t *testing.T) {
	t.Parallel()
	c := &Client{settings: settings{caps: []Cap{{Vendor: "alpha", Pieces: 1}}}, store: idempotency.NewMemory(postproof.ModeTest)}
	counters, err := c.readCapCounters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.pauses.Store(&pauses{counters: counters})
	free := func(string) int64 { return 0 }
	sub := idempotency.Submission{Generation: 1, Ref: "R", Vendor: "alpha", Join: postproof.Unknown}
	before := &idempotency.Record{State: idempotency.Unknown, Generation: 1, Submissions: []idempotency.Submission{sub}}
	if got := c.counters(nil, nil, before, free); len(got) != 0 {
		t.Errorf("a suspicion counts: %+v", got)
	}
	sub.Join = postproof.Accepted
	after := &idempotency.Record{State: idempotency.Accepted, Generation: 1, Submissions: []idempotency.Submission{sub}}
	if got := c.counters(nil, before, after, free); len(got) != 1 || got[0].Add != 1 || got[0].Limit != 0 {
		t.Errorf("a piece that is found: %+v, want one, without a limit", got)
	}
	sub.Join, sub.FirstAt = 0, time.Now()
	intent := &idempotency.Record{State: idempotency.Sending, Generation: 1, Submissions: []idempotency.Submission{sub}}
	if got := c.counters(nil, nil, intent, free); len(got) != 1 || got[0].Add != 1 || got[0].Limit != 1 {
		t.Errorf("an intent: %+v, want one, limited to 1", got)
	}
}

// A time that a vendor made up, and that has no text, does not keep its answer from
// the spool.
func TestAStrangeTimeIsNoReasonToLoseAnAnswer(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{
		time.Date(9999, 12, 31, 23, 30, 0, 0, time.FixedZone("", -3600)).UTC(), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		dir := t.TempDir()
		s := open(t, dir)
		order := vendors.Order{
			Receipt: postproof.Receipt{VendorID: "piece", AcceptedAt: at, ExpectedDelivery: at}, Status: postproof.Status{VendorTime: at},
		}
		seen := see(&order, vendors.Facts{}, "", postproof.ModeTest)
		e := spooled{ID: "1", Ledger: "here", At: time.Now(), Answer: idempotency.Answer{Vendor: "alpha", Delivery: postproof.Accepted, Order: &seen}}
		if err := s.put(e); err != nil {
			t.Errorf("%v: %v", at, err)
		}
		if kept := open(t, dir).all(); len(kept) != 1 || kept[0].Answer.Order.Receipt.VendorID != "piece" {
			t.Errorf("%v: the next process finds %v", at, kept)
		}
	}
}

// Of another folder a spool takes over what is its ledger's and it does not have yet; what
// is another ledger's, or cannot be read, is that folder's matter.
func TestSpoolTakesOverOnlyItsOwn(t *testing.T) {
	t.Parallel()
	here, there := t.TempDir(), t.TempDir()
	at := time.Now()
	answer := func(id idempotency.ID, ledger idempotency.Namespace) spooled {
		return spooled{ID: id, Ledger: ledger, At: at, Answer: idempotency.Answer{Vendor: "alpha", Delivery: postproof.Accepted}}
	}
	for _, e := range []spooled{answer("parked", "here"), answer("new", "here"), answer("foreign", "elsewhere")} {
		left, err := openSpool(there, e.Ledger)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(left.put(e), left.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(fresh(there, damagedPattern), []byte("half\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, here)
	if err := s.put(answer("parked", "here")); err != nil {
		t.Fatal(err)
	}
	if err := s.done(1, []spooled{answer("parked", "here")}, at); err != nil {
		t.Fatal(err)
	}
	if err := s.takeOver(there, "here"); err != nil {
		t.Fatal(err)
	}
	waiting, parked, foreign := s.count()
	if diff := cmp.Diff([]int{1, 1, 0, 0}, []int{waiting, parked, foreign, s.aside}); diff != "" {
		t.Errorf("waiting, parked, foreign and set aside (-want +got):\n%s", diff)
	}
	if err := s.done(1, nil, at); err != nil {
		t.Fatal(err)
	}
	if found, err := lookInto(there); err != nil || len(found.of("here")) != 0 || len(found.of("elsewhere")) != 1 || found.damaged != 1 {
		t.Errorf("%+v, %v: what is not ours is to be left there, and nothing else", found, err)
	}
	if next := open(t, here).all(); len(next) != 1 || next[0].ID != "parked" {
		t.Errorf("the next process finds %v here, want what is parked", next)
	}
}
