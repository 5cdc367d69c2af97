package client_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// spoolOne has an answer spooled in dir: the ledger dies while the vendor
// prints.
func spoolOne(t *testing.T, s *shaky, p *press, dir, key string) *client.Client {
	t.Helper()
	p.faults(func(op, _ string, _ int) string {
		s.dead.Store(op == "/order")
		return ""
	})
	c := newClient(t, s, []*press{p}, client.WithSpool(dir))
	if _, err := c.Submit(t.Context(), job(key)); postproof.DeliveryOf(err) != postproof.Accepted || postproof.CodeOf(err) != postproof.CodeUnavailable {
		t.Fatalf("Submit = %v", err)
	}
	s.dead.Store(false)
	p.faults(nil)
	return c
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "[^s]*")) // not what the folder is known by
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestAnswerIsSpooledAndAppliedByTheNextProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := newPress(t, "alpha", postproof.IdempotencyNone), newShaky(), t.TempDir()
		p.look = false // nobody could be asked: without the spool it would be held
		spoolOne(t, s, p, dir, "a")
		torn := append([]byte(nil), read(t, files(t, dir)[0])...)
		torn = append(torn, `{"id":"`+strings.Repeat("0", 64)+`","answer":{"Vendor":"alpha"}}`+"\n"...) // of a job nobody knows
		torn = append(torn, torn[:len(torn)/2]...)                                                      // half a line
		if err := os.WriteFile(files(t, dir)[0], torn, 0o600); err != nil {
			t.Fatal(err)
		}
		next := newClient(t, s, []*press{p}, client.WithSpool(dir))
		drain(t, next)
		if rec := status(t, next, "a"); rec.State != idempotency.Accepted || p.alive() != 1 {
			t.Fatalf("%v; printed %d", rec, p.alive())
		}
		left := files(t, dir)
		if len(left) != 1 {
			t.Fatalf("left over: %v, want the answer for the job nobody knows", left)
		}
		if got := string(read(t, left[0])); strings.Count(got, "\n") != 1 || !strings.Contains(got, strings.Repeat("0", 64)) {
			t.Fatalf("left over: %s, want the answer for the job nobody knows", got)
		}
	})
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSpooledAnswerIsIdempotent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := newPress(t, "alpha", postproof.IdempotencyKey), newShaky(), t.TempDir()
		first := spoolOne(t, s, p, dir, "a")
		second := newClient(t, s, []*press{p}, client.WithSpool(dir)) // adopts what the first still has in memory
		drain(t, first)
		fence := status(t, first, "a").Fence
		drain(t, second)
		if rec := status(t, second, "a"); rec.State != idempotency.Accepted || p.alive() != 1 || rec.Fence > fence+1 {
			t.Fatalf("%v; printed %d", rec, p.alive())
		}
		if k := kinds(t, second, "a"); slices.Contains(k, "late_answer") || slices.Contains(k, "twice_at_vendor") {
			t.Fatalf("history: %v", k)
		}
		if n := status(t, second, "a").Submissions[0].Sends; n != 1 {
			t.Errorf("%d sends are counted, there was one", n)
		}
	})
}

// A refusal that is applied twice is one refusal: a vendor that was added
// meanwhile does not get the job by it.
func TestSpooledRefusalIsIdempotent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "beta", postproof.IdempotencyNone)
		s, dir := newShaky(), t.TempDir()
		a.faults(func(op, _ string, _ int) string {
			s.dead.Store(op == "/order")
			return "422"
		})
		first := newClient(t, s, []*press{a}, client.WithSpool(dir))
		if _, err := first.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Refused {
			t.Fatalf("Submit = %v", err)
		}
		s.dead.Store(false)
		second := newClient(t, s, []*press{a, b}, client.WithSpool(dir))
		drain(t, first)
		before := status(t, first, "a")
		drain(t, second)
		rec := status(t, second, "a")
		if before.State != idempotency.Refused || rec.State != idempotency.Refused || rec.Submissions[0].Sends != 1 || b.alive() != 0 {
			t.Fatalf("%v, then %v with %+v", before, rec, rec.Submissions)
		}
		if k := kinds(t, second, "a"); slices.Contains(k, "late_answer") || slices.Contains(k, "replanned") {
			t.Fatalf("history: %v", k)
		}
	})
}

// A process that starts takes over the file of one that is alive: neither loses
// an answer of the other, even if one of them dies.
func TestSpoolFilesOfALivingProcessAreNotLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := newPress(t, "alpha", postproof.IdempotencyNone), newShaky(), t.TempDir()
		p.look = false
		alive := spoolOne(t, s, p, dir, "a")
		starts := newClient(t, s, []*press{p}, client.WithSpool(dir))
		p.faults(func(op, _ string, _ int) string { s.dead.Store(op == "/order"); return "" })
		// The first writes another answer, and dies; the second is done with its files.
		orders := []string{"b", "c"}
		for _, key := range orders {
			// Submit applies a spool first, so the ledger must be away for that, too.
			s.dead.Store(false)
			if _, err := alive.Submit(t.Context(), job(key)); postproof.DeliveryOf(err) != postproof.Accepted {
				t.Fatal(err)
			}
		}
		s.dead.Store(false)
		p.faults(nil)
		drain(t, starts)
		last := newClient(t, s, []*press{p}, client.WithSpool(dir))
		drain(t, last)
		for _, key := range append(orders, "a") {
			if rec := status(t, last, key); rec.State != idempotency.Accepted {
				t.Errorf("%s: %v", key, rec)
			}
		}
		if p.alive() != 3 {
			t.Errorf("printed %d", p.alive())
		}
	})
}

// A line of a spool file that cannot be read, as it was damaged or is of a newer
// version, was an answer once: it is kept and told of, and the others are applied.
func TestADamagedLineOfASpoolFileIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir, log := newPress(t, "alpha", postproof.IdempotencyNone), newShaky(), t.TempDir(), &logs{}
		p.look = false // nobody could be asked
		spoolOne(t, s, p, dir, "a")
		name := files(t, dir)[0]
		const damaged = `{"id":"` + "\x00\x00" + `","answer":`
		if err := os.WriteFile(name, append([]byte(damaged+"\n"), read(t, name)...), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 3 { // the next processes
			c := newClient(t, s, []*press{p}, client.WithSpool(dir), client.WithLogger(log.logger()))
			drain(t, c)
			if rec := status(t, c, "a"); rec.State != idempotency.Accepted || p.alive() != 1 {
				t.Fatalf("%v; printed %d", rec, p.alive())
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		left := files(t, dir)
		if len(left) != 1 || !strings.Contains(string(read(t, left[0])), damaged) {
			t.Fatalf("left over: %v, want the damaged line", left)
		}
		if n := log.count("cannot be read"); n != 3 || strings.Contains(log.text(), filepath.Dir(dir)) {
			t.Errorf("told %d times, want once for each process and without the path:\n%s", n, log.text())
		}
	})
}
