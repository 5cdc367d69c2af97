package client_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// sealed puts a callback about the job into the inbox, whose payload names neither our
// reference nor the vendor's id, and that was applied: only the history says to what.
func sealed(t *testing.T, e idempotency.Engine, id idempotency.ID) {
	t.Helper()
	m := callbackOf(t, e, idempotency.MessageApplied, "sealed", `{"sealed":"Ada Quill"}`)
	entry := idempotency.Entry{ID: id, At: m.ReceivedAt, Kind: "callback", By: fmt.Sprint("inbox/", m.ID)}
	if err := idempotency.CommitOne(t.Context(), e, idempotency.Change{Entries: []idempotency.Entry{entry}}); err != nil {
		t.Fatal(err)
	}
}

// Only the history tells of some callbacks that they are about a person, and it goes
// with the record: an erasure that is interrupted behind that finds them all the same.
func TestEraseIsFinishedWithWhatTheHistoryKnew(t *testing.T) {
	t.Parallel()
	for step := 1; step < 10; step++ {
		t.Run(fmt.Sprint("write ", step), func(t *testing.T) {
			t.Parallel()
			p, store := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
			c := newClient(t, store, []*press{p})
			rec, err := c.Submit(t.Context(), ada())
			if err != nil {
				t.Fatal(err)
			}
			sealed(t, store, rec.ID)
			n := 0
			store.before = func([]idempotency.Change) error {
				if n++; n >= step {
					return errStore
				}
				return nil
			}
			e := eraseAda()
			e.Now = true
			if _, err := c.Erase(t.Context(), e, officer); (err == nil) != (n < step) {
				t.Fatalf("%d writes, %v", n, err)
			}
			store.before = nil
			next := newClient(t, store, []*press{p}) // another process
			if _, err := next.Erase(t.Context(), e, officer); err != nil {
				t.Fatal(err)
			}
			if body := inbox(t, store)["sealed"]; strings.Contains(body, "Ada") {
				t.Errorf("the callback still says %q", body)
			}
			silent(t, "the ledger", ledgerText(t, store.Memory))
		})
	}
}

// The same of a job that keeps its data until it comes to rest: what was applied to it
// before is erased at once, and not when nobody knows of it any more.
func TestEraseInTimeOfWhatOnlyTheHistoryKnows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p}, seldom())
		rec, err := c.Submit(t.Context(), ada())
		if err != nil {
			t.Fatal(err)
		}
		sealed(t, store, rec.ID)
		if got := outcomeOf(t, erase(t, c, eraseAda())); got.Outcome != client.ErasureOpen {
			t.Fatalf("%+v: the test looks at nothing", got)
		}
		p.mu.Lock()
		p.orders[0].Status = string(postproof.StageDelivered)
		p.mu.Unlock()
		runFor(t, c, 48*time.Hour)
		if rep := erase(t, c, eraseAda()); !rep.Complete() {
			t.Errorf("%+v", rep)
		}
		silent(t, "the ledger", ledgerText(t, store))
	})
}

// chatty is an adapter of a vendor whose answers say more than they need.
type chatty struct{ *pressAdapter }

func (a chatty) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	o, err := a.pressAdapter.Submit(ctx, do, s, body)
	if o != nil {
		o.Status.Reason, o.Receipt.TrackingID = "accepted for "+s.Job.To.Name, "12 Elm Street"
	}
	return o, err
}

func newChatty(t *testing.T, store client.Store, p *press, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(t.Context(), store, []vendors.Adapter{chatty{p.adapter()}}, append([]client.Option{
		client.WithLogger(quiet()), client.WithoutHints(), seldom(), client.WithVendor(p.name, vendorConfig(p, nil)),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// chattyAnswer has the vendor's answer to her job end in the spool.
func chattyAnswer(t *testing.T, s *veiled, p *press, dir string) *client.Client {
	t.Helper()
	p.faults(func(op, _ string, _ int) string {
		s.dead.Store(op == "/order")
		return ""
	})
	c := newChatty(t, s, p, client.WithSpool(dir))
	if _, err := c.Submit(t.Context(), ada()); postproof.DeliveryOf(err) != postproof.Accepted {
		t.Fatalf("Submit = %v", err)
	}
	s.dead.Store(false)
	p.faults(nil)
	if len(wordsInFiles(t, dir)) == 0 {
		t.Fatal("the answer says nothing of her: the test looks at nothing")
	}
	return c
}

// A process that was away while a person was erased comes back with an answer about her
// that the ledger has no place for any more: it is kept as evidence of a piece, and says
// nothing of her.
func TestAnswerAboutAnErasedPersonIsParkedWithoutHer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := newPress(t, "alpha", postproof.IdempotencyKey), newVeiled(), t.TempDir()
		if err := chattyAnswer(t, s, p, dir).Close(); err != nil {
			t.Fatal(err)
		}
		away := func(from, to string) {
			if err := os.Rename(from, to); err != nil { // else it is taken over
				t.Fatal(err)
			}
		}
		away(dir, dir+"-away")
		other := newClient(t, s, []*press{p}, seldom(), client.WithSpool(t.TempDir()))
		e := eraseAda()
		e.Now = true
		erase(t, other, e)
		p.mu.Lock()
		p.orders[0].Status = string(postproof.StageDelivered)
		p.mu.Unlock()
		runFor(t, other, 10*24*time.Hour)
		if rec := status(t, other, adaKey); !rec.Tombstone {
			t.Fatalf("%v: the test looks at nothing", rec)
		}
		away(dir+"-away", dir)
		for range 2 { // and whoever takes its spool over
			back := newChatty(t, s, p, client.WithSpool(dir))
			runFor(t, back, time.Hour)
			if all := back.Spooled(); len(all) != 1 || all[0].Parked == "" || all[0].VendorID == "" {
				t.Errorf("Spooled = %+v, want the parked answer", all)
			}
			if err := back.Close(); err != nil {
				t.Fatal(err)
			}
			if all := wordsInFiles(t, dir); len(all) > 0 {
				t.Errorf("she stands in %q", all)
			}
		}
	})
}

// A person is erased while the answers of the spool are being applied: none of them
// comes back as it was.
func TestEraseWhileTheSpoolIsApplied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := newPress(t, "alpha", postproof.IdempotencyKey), newVeiled(), t.TempDir()
		c := chattyAnswer(t, s, p, dir)
		var erasing sync.WaitGroup
		var reads atomic.Int64
		s.cover(func(rec *idempotency.Record) (*idempotency.Record, error) {
			switch reads.Add(1) {
			case 1:
				return nil, idempotency.ErrCorrupt // there is no place for the answer
			case 2: // it is about to be parked
			default:
				return rec, nil
			}
			erasing.Go(func() {
				e := eraseAda()
				e.Now = true
				if _, err := c.Erase(t.Context(), e, officer); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(time.Second)
			return rec, nil // as it was before
		})
		runFor(t, c, 2*time.Second)
		erasing.Wait()
		s.uncover()
		if all := wordsInFiles(t, dir); len(all) > 0 {
			t.Errorf("she stands in %q", all)
		}
	})
}

// Nor does the reason why that answer is given up stay: it is about her.
func TestReasonOfADroppedAnswerOfAnErasedPerson(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := newPress(t, "alpha", postproof.IdempotencyKey), newVeiled(), t.TempDir()
		c := chattyAnswer(t, s, p, dir)
		s.cover(gone)
		runFor(t, c, time.Minute)
		s.uncover()
		e := eraseAda()
		e.Now = true
		erase(t, c, e)
		all := c.Spooled()
		if len(all) != 1 || all[0].Parked == "" {
			t.Fatalf("Spooled = %+v: the test looks at nothing", all)
		}
		if err := c.DropSpooled(t.Context(), all[0].Ref, client.Actor{By: "ann", Why: "asked the vendor about Ada Quill"}); err != nil {
			t.Fatal(err)
		}
		silent(t, "the ledger", ledgerText(t, s.Memory))
		if log := changes(t, c, client.ChangeQuery{Actions: []client.Action{client.ActionDrop}}); len(log) != 1 || log[0].By != "ann" {
			t.Errorf("the change log has %+v", log)
		}
	})
}
