package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// world is a small simulation of its own: vendors, a ledger, replicas, callers,
// and everything that fails. It runs inside a synctest bubble.
type world struct {
	number int
	seed   uint64
	size   int
	ctx    context.Context //nolint:containedctx // the world's own
	stop   context.CancelFunc
	logger *slog.Logger

	dice    *dice
	profile *profile
	start   time.Time
	calmAt  time.Time
	oracle  *oracle
	sim     *vendorsim.Sim
	vendors []*vendor
	main    *shelf
	copy    *shelf // of a copied ledger
	mailing *mailing

	servers, processes, others sync.WaitGroup
	recovering                 chan struct{} // a semaphore

	mu       sync.Mutex
	slots    map[int]*process
	all      []*process
	commits  atomic.Int64
	latest   time.Time // when the last delayed byte arrives
	backupAt time.Time
	upgrade  time.Time // from when slot 0 is of a newer version
}

// outcome of a world.
type result struct {
	number    int
	class     class
	violation *violation
	trace     string
	jobs      int
	printed   int
	held      int
	late      int // printed twice by a freeze, and told
	frozen    int // submissions caught in a freeze
	sends     int
	faults    map[string]int
	lasted    time.Duration
}

// worldSeed returns the seed of all that is left to chance in a world.
func worldSeed(seed uint64, number int) uint64 { return hash(seed, "world", "", number) }

// runWorld runs one world from its beginning to its end.
func runWorld(seed uint64, number, size int) (*result, error) {
	w := &world{
		number: number, seed: worldSeed(seed, number), size: size, logger: slog.New(slog.DiscardHandler),
		start: time.Now(), slots: map[int]*process{}, recovering: make(chan struct{}, 1),
	}
	w.ctx, w.stop = context.WithCancel(context.Background())
	w.dice = newDice(w.seed)
	w.profile = newProfile(number, w.dice, w.start)
	w.calmAt = w.start.Add(w.profile.chaos)
	w.oracle = newOracle(w)
	w.oracle.events = w.tell
	w.main = newLedger(idempotency.Namespace(fmt.Sprintf("%016x%016x", w.seed, mix(w.seed))))
	for _, text := range artworkTexts() {
		if _, err := w.main.memory.PutBlob(w.ctx, strings.NewReader(text)); err != nil {
			return nil, err
		}
	}
	rows := int(w.profile.rows * float64(size))
	if err := w.newMailing(rows); err != nil {
		return nil, err
	}
	for i := range size - rows {
		w.oracle.expect(newPiece(w.main, "main", i))
	}
	if err := w.openVendors(); err != nil {
		return nil, err
	}
	w.live()
	return w.close()
}

// live runs the world until all is settled or something is wrong.
func (w *world) live() {
	w.callers()
	w.people()
	w.scenes()
	var replicas sync.WaitGroup
	for slot := range w.profile.replicas {
		replicas.Go(func() { w.replica(w.ctx, slot) })
	}
	select {
	case <-time.After(time.Until(w.calmAt)):
	case <-w.oracle.found:
	}
	if w.found() {
		w.stop()
	}
	replicas.Wait()
	if !w.found() {
		w.calm()
	}
	w.stop()
}

// close ends everything and says how it went.
func (w *world) close() (*result, error) {
	w.stop()
	w.others.Wait()
	w.processes.Wait()
	if !w.found() {
		w.lastChecks()
	}
	var errs []error
	for _, v := range w.vendors {
		errs = append(errs, v.network.server.Close())
	}
	w.servers.Wait()
	errs = append(errs, w.sim.Close())
	return w.oracle.result(), errors.Join(errs...)
}

func (w *world) found() bool {
	select {
	case <-w.oracle.found:
		return true
	default:
		return false
	}
}

// chaotic reports whether things fail on our side of the network.
func (w *world) chaotic() bool { return time.Now().Before(w.calmAt) }

// chaoticVendors reports whether the vendors' index may lie.
func (w *world) chaoticVendors() bool { return time.Now().Before(w.calmAt.Add(6 * time.Hour)) }

// storeDown reports whether the ledger is away, as it is once an hour.
func (w *world) storeDown() bool {
	down := w.profile.store.down
	if down == 0 || !w.chaotic() {
		return false
	}
	hour := time.Since(w.start).Truncate(time.Hour)
	at := time.Duration(w.dice.at("store.down", "", int(hour/time.Hour)) * float64(time.Hour-down))
	in := time.Since(w.start) - hour - at
	return in >= 0 && in < down
}

// stall makes the process stand still for longer than its lease, at a place
// from which it looks at the time again before it sends.
func (w *world) stall(p *process, boundary, about string) {
	if !w.chaotic() || w.profile.stalls == 0 || w.dice.next(boundary, about) >= w.profile.stalls {
		return
	}
	w.struck("process." + boundary)
	d := w.dice.between(boundary+".for", about, 10*time.Second, 3*time.Hour)
	w.noteID(about, fmt.Sprintf("%s: stands still for %s at %s", p.name, d.Round(time.Second), boundary))
	p.freeze(d)
}

// expectBytes notes that bytes arrive after the time given.
func (w *world) expectBytes(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at := time.Now().Add(after); at.After(w.latest) {
		w.latest = at
	}
}

// committing counts a change of the ledger. Work without an end is a violation:
// a healthy world needs a hundredth of the bound.
func (w *world) committing(id string) {
	if w.commits.Add(1) < int64(20_000+1000*w.size) {
		return
	}
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	var about *piece
	for _, p := range w.oracle.pieces {
		if string(p.id) == id {
			about = p
		}
	}
	w.oracle.violate("livelock", about, "the ledger is changed without an end")
}

// joined says which process is at work in a slot.
func (w *world) joined(slot int, p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slots[slot] = p
	if p != nil {
		w.all = append(w.all, p)
	}
}

// someProcess returns a process that is at work, nil when there is none.
func (w *world) someProcess(about string) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := max(w.profile.replicas, 1)
	first := int(w.dice.next("caller.process", about) * float64(n))
	for i := range n {
		if p := w.slots[(first+i)%n]; p != nil {
			return p
		}
	}
	return nil
}

// newer reports whether a process of that name is of a newer version.
func (w *world) newer(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.upgrade.IsZero() && !time.Now().Before(w.upgrade) && strings.HasPrefix(name, "r0.")
}

// budgets checks that every time bytes went out was a request, or a repeat that a
// budget paid for.
func (w *world) budgets() {
	w.mu.Lock()
	all := w.all
	w.mu.Unlock()
	for _, p := range all {
		for _, v := range w.vendors {
			stats := p.budgets[v.name].Stats()
			p.mu.Lock()
			writes := p.writes[v.name]
			p.mu.Unlock()
			if writes > stats.Requests+stats.Retries {
				w.oracle.mu.Lock()
				w.oracle.violate("budget", nil, fmt.Sprintf("%s wrote %d requests to %s, of which %d were asked for and %d repeats paid for",
					p.name, writes, v.name, stats.Requests, stats.Retries))
				w.oracle.mu.Unlock()
			}
		}
	}
}
