package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
)

// process is one life of a replica: a client with a clock of its own, which can
// stand still or die.
type process struct {
	w      *world
	name   string
	shelf  *shelf
	clock  *skewedClock
	client *client.Client
	// newer: it is of a newer version of the library.
	newer bool
	// exchanged: it has the credentials that come later.
	exchanged bool
	// budgets are those of the vendors, by name.
	budgets map[string]*retry.Budget

	mu     sync.Mutex
	cancel context.CancelFunc
	dead   bool
	died   chan struct{}
	until  time.Time // it stands still
	away   time.Time // it does not reach the ledger
	wires  map[*wire]struct{}
	writes map[string]uint64 // requests whose bytes went out, by vendor
}

// startProcess starts a replica on a ledger; poll is how often it looks for
// work. The error is that of a ledger that cannot be read.
func (w *world) startProcess(ctx context.Context, s *shelf, name string, poll time.Duration) (*process, context.Context, error) {
	p := &process{
		w: w, name: name, shelf: s, newer: w.newer(name), exchanged: w.exchanged(name), clock: &skewedClock{}, died: make(chan struct{}),
		wires: map[*wire]struct{}{}, writes: map[string]uint64{}, budgets: map[string]*retry.Budget{},
	}
	ctx, p.cancel = context.WithCancel(ctx)
	if skew := w.profile.skew; skew > 0 {
		p.clock.jump(w.dice.between("clock.skew", name, -skew, skew))
	}
	opts := []client.Option{
		client.WithClock(p.clock), client.WithOwner(name), client.WithLogger(w.logger), client.WithPollInterval(poll),
		client.WithConcurrency(8), client.WithGrace(5 * time.Second), client.WithDeadlines(w.deadlines()),
		client.WithTracerProvider(tracenoop.NewTracerProvider()), client.WithMeterProvider(metricnoop.NewMeterProvider()),
		client.WithBreaker(breaker.Config{Rand: p.random("breaker")}),
	}
	var adapters []vendors.Adapter
	for _, v := range w.vendors {
		a, err := v.adapter(p)
		if err != nil {
			return nil, nil, err
		}
		adapters = append(adapters, a)
		budget, err := retry.NewBudget(retry.BudgetConfig{Clock: p.clock})
		if err != nil {
			return nil, nil, err
		}
		p.budgets[v.name] = budget
		opts = append(opts, client.WithVendor(v.name, client.VendorConfig{
			Transport: retry.TransportConfig{DialContext: v.network.dialer(p)},
			Retry:     retry.Config{Rand: p.random("retry"), Budget: budget}, FormerAccounts: v.formers(p),
		}))
	}
	var err error
	if p.client, err = client.New(ctx, &view{w: w, p: p, shelf: s}, adapters, opts...); err != nil {
		p.cancel()
		return nil, nil, err
	}
	w.processes.Go(func() { p.jumps(ctx) })
	return p, ctx, nil
}

// random returns a source of numbers that depends on the replica alone.
func (p *process) random(what string) func() float64 {
	return func() float64 { return p.w.dice.next("random."+what, p.name) }
}

// jumps lets the replica's clock jump now and then, and be set right again.
func (p *process) jumps(ctx context.Context) {
	w := p.w
	if fast := w.profile.fast; fast > 0 && w.chaotic() {
		p.clock.jump(fast)
		select {
		case <-ctx.Done():
			return
		case <-time.After(2 * time.Hour):
			w.struck("clock.set_right")
			p.clock.jump(-fast)
		}
	}
	if back := w.profile.back; !back.IsZero() && w.chaotic() {
		for _, step := range []struct{ wait, jump time.Duration }{{time.Until(back), -5 * time.Hour}, {40 * time.Minute, 5 * time.Hour}} {
			select {
			case <-ctx.Done():
				return
			case <-time.After(step.wait):
			}
			w.struck("clock.set_back")
			p.clock.jump(step.jump)
		}
	}
	for w.profile.jumps && w.chaotic() {
		wait := w.dice.between("clock.wait", p.name, 10*time.Minute, 4*time.Hour)
		// Forward is safe by as much as may be: waits seem over. Back is not:
		// what the clock shows less than has passed comes out of the margin of
		// the key windows.
		jump, last := w.dice.between("clock.forward", p.name, time.Second, 2*time.Hour), 10*time.Minute
		if w.dice.next("clock.direction", p.name) < 0.5 {
			jump, last = -w.dice.between("clock.back", p.name, time.Second, 6*time.Hour), w.dice.between("clock.last", p.name, time.Minute, 40*time.Minute)
		}
		for _, step := range []struct{ wait, jump time.Duration }{{wait, jump}, {last, -jump}} {
			select {
			case <-ctx.Done():
				return
			case <-time.After(step.wait):
			}
			w.struck("clock.jump")
			p.clock.jump(step.jump)
		}
	}
}

// run works the ledger until the context ends or the process dies.
func (p *process) run(ctx context.Context) {
	defer func() {
		p.kill() // whatever it left open
		_ = p.client.Close()
	}()
	for ctx.Err() == nil {
		err := p.client.Run(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if errors.Is(err, client.ErrEpochChanged) {
			p.w.recovery(ctx, p)
		}
		sleep(time.Second)
	}
}

// pass waits while the process stands still, and returns an error when it is
// dead.
func (p *process) pass() error {
	for {
		p.mu.Lock()
		dead, left := p.dead, time.Until(p.until)
		p.mu.Unlock()
		switch {
		case dead:
			return errKilled
		case left <= 0:
			return nil
		}
		sleep(left)
	}
}

// freeze makes the process stand still: at its next step to the outside every
// goroutine of it waits.
func (p *process) freeze(d time.Duration) {
	until := time.Now().Add(d)
	p.w.stands(p.name, until)
	p.mu.Lock()
	defer p.mu.Unlock()
	if until.After(p.until) {
		p.until = until
	}
}

// loseLedger cuts the process off from the ledger for a while.
func (p *process) loseLedger(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = time.Now().Add(d)
}

// reaches reports whether the process reaches the ledger.
func (p *process) reaches() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !time.Now().Before(p.away)
}

// opened remembers a connection, which dies with the process.
func (p *process) opened(c *wire) {
	p.mu.Lock()
	dead := p.dead
	if !dead {
		p.wires[c] = struct{}{}
	}
	p.mu.Unlock()
	if dead {
		_ = c.Close()
	}
}

// kill ends the process: nothing of it comes through any more.
func (p *process) kill() {
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		return
	}
	p.dead = true
	wires := p.wires
	p.wires = nil
	close(p.died)
	p.mu.Unlock()
	p.w.ended(p.name)
	for c := range wires {
		_ = c.Close()
	}
	p.cancel()
}

// isDead reports whether the process was killed.
func (p *process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// replica lives, dies and is replaced until the world is calm.
func (w *world) replica(ctx context.Context, slot int) {
	for life := 1; w.chaotic() && ctx.Err() == nil; life++ {
		name := fmt.Sprintf("r%d.%d", slot, life)
		p, running, err := w.startProcess(ctx, w.main, name, w.profile.poll)
		if err != nil {
			sleep(5 * time.Second)
			continue
		}
		w.joined(slot, p)
		w.processes.Go(func() { p.run(running) })
		left := time.Until(w.calmAt)
		if w.profile.kill {
			left = min(left, w.dice.between("process.life", name, 3*time.Minute, 2*time.Hour))
		}
		left = w.untilExchange(slot, left)
		select {
		case <-ctx.Done():
		case <-p.died:
		case <-time.After(left):
			if w.profile.kill && w.chaotic() && w.dice.next("process.end", name) < 0.6 {
				w.struck("process.killed")
				p.kill()
			} else {
				p.cancel() // told to stop: it finishes what it is at
			}
		}
		w.joined(slot, nil)
		sleep(w.dice.between("process.down", name, time.Second, 3*time.Minute))
	}
}

// deadlines are shorter than the defaults, so that worlds end.
func (w *world) deadlines() idempotency.Deadlines {
	return idempotency.Deadlines{UnknownFor: w.profile.unknownFor, WatchFor: 24 * time.Hour, WatchEvery: 3 * time.Hour, MaxGenerations: w.profile.generations}
}
