package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// veiled is a store that shows a record as another one would see it.
type veiled struct {
	*shaky

	veil atomic.Pointer[func(*idempotency.Record) (*idempotency.Record, error)]
}

func newVeiled() *veiled { return &veiled{shaky: newShaky()} }

func (s *veiled) Get(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
	rec, err := s.shaky.Get(ctx, id)
	if f := s.veil.Load(); f != nil && err == nil {
		return (*f)(rec)
	}
	return rec, err
}

func (s *veiled) cover(f func(*idempotency.Record) (*idempotency.Record, error)) { s.veil.Store(&f) }

func (s *veiled) uncover() { s.veil.Store(nil) }

// newer shows a record as a newer version left it.
func newer(rec *idempotency.Record) (*idempotency.Record, error) {
	later := *rec
	later.Version = idempotency.RecordVersion + 1
	return &later, nil
}

func gone(*idempotency.Record) (*idempotency.Record, error) { return nil, idempotency.ErrNotFound }

// An answer that the ledger has no place for stays, in this process and the
// next, is told of, and is applied as soon as it can be.
func TestAnswerWithoutAPlaceIsParked(t *testing.T) {
	t.Parallel()
	for name, veil := range map[string]func(*idempotency.Record) (*idempotency.Record, error){
		"a record of a newer version": newer,
		"a record that is gone":       gone,
		"a record that is broken": func(*idempotency.Record) (*idempotency.Record, error) {
			return nil, idempotency.ErrCorrupt
		},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", and a restart"}[restart], func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p, s, dir, log, r := newPress(t, "alpha", postproof.IdempotencyNone), newVeiled(), t.TempDir(), &logs{}, newRecorder()
					p.look = false // nobody could be asked: a lost answer would be held
					c := newClient(t, s, []*press{p}, client.WithSpool(dir), client.WithLogger(log.logger()), client.WithMeterProvider(r), client.WithLease(time.Hour))
					p.faults(func(op, _ string, _ int) string {
						if op == "/order" { // while the vendor prints
							s.cover(veil)
							s.before = func(ch []idempotency.Change) error {
								if s.veil.Load() != nil && ch[0].Record != nil {
									return idempotency.ErrStale
								}
								return nil
							}
						}
						return ""
					})
					if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Accepted {
						t.Fatalf("Submit = %v", err)
					}
					runFor(t, c, time.Minute)
					parked := c.Spooled()
					if len(parked) != 1 || parked[0].Parked == "" || parked[0].VendorID != "alpha_1" || parked[0].Delivery != postproof.Accepted || parked[0].OtherLedger {
						t.Fatalf("Spooled() = %+v", parked)
					}
					for _, f := range r.callbacks {
						_ = f(t.Context(), observer{r: r})
					}
					if r.gauges["postproof.spool.answers mode=test spool=parked"] != 1 || r.gauges["postproof.spool.answers mode=test spool=waiting"] != 0 {
						t.Errorf("gauges: %v", r.gauges)
					}
					r.incidents(t, c)
					if n := log.count("has no place in the ledger"); n != 1 {
						t.Errorf("told %d times, want once", n)
					}
					if restart {
						if err := c.Close(); err != nil {
							t.Fatal(err)
						}
						c = newClient(t, s, []*press{p}, client.WithSpool(dir))
						runFor(t, c, time.Minute)
						if len(c.Spooled()) != 1 {
							t.Fatal("the next process does not find the answer")
						}
					}
					s.uncover()
					runFor(t, c, 10*time.Minute)
					if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Receipt.VendorID != "alpha_1" || p.alive() != 1 {
						t.Errorf("%v; printed %d", rec, p.alive())
					}
					if left := files(t, dir); len(left) != 0 || len(c.Spooled()) != 0 {
						t.Errorf("left over: %v, %v", left, c.Spooled())
					}
					if n := count(t, c, "answer_parked"); n != 1 {
						t.Errorf("%d lines of the history tell of it, want one", n)
					}
				})
			})
		}
	}
}

// count returns how many incidents of a kind are listed.
func count(t *testing.T, c *client.Client, kind string) int {
	t.Helper()
	n := 0
	for e, err := range c.Incidents(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if string(e.Kind) == kind {
			n++
		}
	}
	return n
}

// A spool folder that two ledgers share: an answer is for the one whose vendor
// gave it, although both know a job with its key.
func TestSpoolOfAnotherLedgerIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]bool{"": false, "without the ledger's name, as older versions wrote it": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, q, mine, theirs := newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "alpha", postproof.IdempotencyNone), newShaky(), newShaky()
				p.look, q.look = false, false
				dir, log := t.TempDir(), &logs{}
				first := spoolOne(t, mine, p, dir, "a")
				if err := first.Close(); err != nil {
					t.Fatal(err)
				}
				before := read(t, files(t, dir)[0])
				if !bytes.Contains(before, []byte(`"ledger":"`)) {
					t.Fatalf("the line does not name its ledger: %s", before)
				}
				if old {
					before = withoutLedger(t, before)
					if err := os.WriteFile(files(t, dir)[0], before, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				q.faults(onOrder("drop"))
				other := newClient(t, theirs, []*press{q}, client.WithSpool(dir), client.WithLogger(log.logger()))
				if _, err := other.Submit(t.Context(), job("a")); err == nil {
					t.Fatal("want the other ledger's job unknown")
				}
				runFor(t, other, 10*time.Minute)
				if rec := status(t, other, "a"); rec.Receipt.VendorID != "" {
					t.Fatalf("%v: another ledger's answer was applied", rec)
				}
				if got := other.Spooled(); len(got) != 1 || got[0].OtherLedger == old || (got[0].Parked != "") != old {
					t.Errorf("Spooled() = %+v", got)
				}
				if log.count("answers of another ledger") == 0 && log.count("has no place in the ledger") != 1 {
					t.Errorf("nobody is told: %s", log.text())
				}
				if err := other.DropSpooled(t.Context(), other.Spooled()[0].Ref, client.Actor{By: "ann", Why: "not ours"}); !old && postproof.CodeOf(err) != postproof.CodeNotFound {
					t.Errorf("DropSpooled of another ledger's answer = %v", err)
				}
				if old {
					return // given up by ann
				}
				if now := files(t, dir); len(now) != 1 || !bytes.Equal(read(t, now[0]), before) {
					t.Errorf("the other ledger's file was changed")
				}
				again := newClient(t, mine, []*press{p}, client.WithSpool(dir))
				drain(t, again)
				if rec := status(t, again, "a"); rec.State != idempotency.Accepted || p.alive() != 1 {
					t.Errorf("%v; printed %d", rec, p.alive())
				}
			})
		})
	}
}

// withoutLedger makes a spool line what older versions wrote.
func withoutLedger(t *testing.T, line []byte) []byte {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, "ledger")
	delete(fields, "epoch")
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// Lines of older versions, which name no ledger, are applied.
func TestOldSpoolLinesAreRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := newPress(t, "alpha", postproof.IdempotencyNone), newShaky(), t.TempDir()
		p.look = false
		if err := spoolOne(t, s, p, dir, "a").Close(); err != nil {
			t.Fatal(err)
		}
		name := files(t, dir)[0]
		if err := os.WriteFile(name, withoutLedger(t, read(t, name)), 0o600); err != nil {
			t.Fatal(err)
		}
		c := newClient(t, s, []*press{p}, client.WithSpool(dir))
		drain(t, c)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || len(files(t, dir)) != 0 {
			t.Fatalf("%v; left over %v", rec, files(t, dir))
		}
	})
}

// A person may give a parked answer up; that is written down.
func TestParkedAnswerIsGivenUpByAPerson(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := newPress(t, "alpha", postproof.IdempotencyNone), newVeiled(), t.TempDir()
		p.look = false
		c := spoolOneVeiled(t, s, p, dir)
		s.cover(gone)
		if left := runAndList(t, c); len(left) != 1 {
			t.Fatalf("Spooled() = %+v", left)
		}
		ref := c.Spooled()[0].Ref
		if err := c.DropSpooled(t.Context(), ref, client.Actor{By: "", Why: "why"}); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("nobody's word: %v", err)
		}
		if err := c.DropSpooled(t.Context(), "0000000000000000", client.Actor{By: "ann", Why: "why"}); postproof.CodeOf(err) != postproof.CodeNotFound {
			t.Errorf("an answer that is not there: %v", err)
		}
		s.dead.Store(true)
		if err := c.DropSpooled(t.Context(), ref, client.Actor{By: "ann", Why: "why"}); err == nil || len(c.Spooled()) != 1 {
			t.Errorf("without a line in the history: %v, %v", err, c.Spooled())
		}
		s.dead.Store(false)
		if err := c.DropSpooled(t.Context(), ref, client.Actor{By: "ann", Why: "the job was typed in by hand"}); err != nil {
			t.Fatal(err)
		}
		told := changes(t, c, client.ChangeQuery{})
		if len(told) != 1 || told[0].Action != client.ActionDrop || told[0].By != "ann" || told[0].Target != jobID("a") || !strings.Contains(string(told[0].Before), string(ref)) {
			t.Errorf("the change log says %+v", told)
		}
		if len(c.Spooled()) != 0 || len(files(t, dir)) != 0 {
			t.Errorf("left over: %v, %v", c.Spooled(), files(t, dir))
		}
		if k := kinds(t, c, "a"); !slices.Contains(k, "answer_dropped") || !slices.Contains(k, "answer_parked") {
			t.Errorf("history: %s", strings.Join(k, " "))
		}
	})
}

// A process that has just taken over what another one left gives up what it is
// told to, and keeps the rest.
func TestParkedAnswerIsGivenUpByTheNextProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := newPress(t, "alpha", postproof.IdempotencyNone), newVeiled(), t.TempDir()
		p.look = false
		c := spoolOneVeiled(t, s, p, dir)
		s.cover(func(rec *idempotency.Record) (*idempotency.Record, error) {
			if rec.Key == "a" {
				return gone(rec)
			}
			return rec, nil
		})
		p.faults(func(op, _ string, _ int) string {
			s.dead.Store(op == "/order")
			return ""
		})
		if _, err := c.Submit(t.Context(), job("b")); postproof.DeliveryOf(err) != postproof.Accepted {
			t.Fatalf("Submit = %v", err)
		}
		s.dead.Store(false)
		s.cover(gone)
		parked := runAndList(t, c)
		if len(parked) != 2 || parked[0].Parked == "" || parked[1].Parked == "" {
			t.Fatalf("Spooled() = %+v", parked)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		next := newClient(t, s, []*press{p}, client.WithSpool(dir))
		if err := next.DropSpooled(t.Context(), parked[0].Ref, client.Actor{By: "ann", Why: "typed in by hand"}); err != nil {
			t.Fatal(err)
		}
		if err := next.DropSpooled(t.Context(), parked[0].Ref, client.Actor{By: "ann", Why: "again"}); postproof.CodeOf(err) != postproof.CodeNotFound {
			t.Errorf("given up twice: %v", err)
		}
		if err := next.Close(); err != nil {
			t.Fatal(err)
		}
		left := newClient(t, s, []*press{p}, client.WithSpool(dir)).Spooled()
		if len(left) != 1 || left[0].Ref != parked[1].Ref {
			t.Errorf("left over: %+v, want the other one", left)
		}
	})
}

func spoolOneVeiled(t *testing.T, s *veiled, p *press, dir string) *client.Client {
	t.Helper()
	p.faults(func(op, _ string, _ int) string {
		s.dead.Store(op == "/order")
		return ""
	})
	c := newClient(t, s, []*press{p}, client.WithSpool(dir), client.WithLease(24*time.Hour))
	if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Accepted {
		t.Fatalf("Submit = %v", err)
	}
	s.dead.Store(false)
	p.faults(nil)
	return c
}

func runAndList(t *testing.T, c *client.Client) []client.SpooledAnswer {
	t.Helper()
	runFor(t, c, time.Minute)
	return c.Spooled()
}

// After a backup was restored the number of an intent may be that of another
// send: a "not taken" from before must not end the present one.
func TestSpooledAnswerFromAnotherHistoryEndsNoSend(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		epoch string
		sent  bool // whether the job is sent anew
	}{{"before the backup", false}, {"memory", true}} {
		t.Run(tc.epoch, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, s, dir := newPress(t, "alpha", postproof.IdempotencyNone), newShaky(), t.TempDir()
				p.look = false
				if err := spoolOne(t, s, p, dir, "a").Close(); err != nil {
					t.Fatal(err)
				}
				name := files(t, dir)[0]
				var line map[string]any
				if err := json.Unmarshal(read(t, name), &line); err != nil {
					t.Fatal(err)
				}
				if line["epoch"] != "memory" {
					t.Fatalf("the line names the epoch %v", line["epoch"])
				}
				line["epoch"] = tc.epoch
				answer, _ := line["answer"].(map[string]any)
				answer["Delivery"], answer["Order"], answer["Code"] = "not_sent", nil, "unavailable"
				b, err := json.Marshal(line)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, append(b, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
				c := newClient(t, s, []*press{p}, client.WithSpool(dir))
				runFor(t, c, time.Hour)
				if rec := status(t, c, "a"); (p.alive() == 2) != tc.sent || (rec.State == idempotency.Accepted) != tc.sent {
					t.Errorf("%v; printed %d", rec, p.alive())
				}
				if k := kinds(t, c, "a"); slices.Contains(k, "late_answer") == tc.sent {
					t.Errorf("history: %v", k)
				}
				if len(c.Spooled()) != 0 {
					t.Errorf("left over: %+v", c.Spooled())
				}
			})
		})
	}
}
