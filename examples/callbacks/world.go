package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

const (
	day = 24 * time.Hour
	// kills is how often the receiver is killed.
	kills = 8
	// lastDay is when the last scan is past, and the last repetition with it.
	lastDay = 12 * day
)

// theDay is when the cards are mailed, on the clock of the simulator.
func theDay() time.Time { return time.Date(2026, time.March, 3, 9, 0, 0, 0, time.UTC) }

// world is the vendor, the ledger, and the receiver's process.
type world struct {
	flags

	out    io.Writer
	clock  *vendorsim.Clock
	sim    *vendorsim.Server
	orders orders
	secret string
	dice   *rand.Rand
	// own is this process's way to the ledger: it mails, and reads in the end.
	own *service

	receiver *process
	// back is when a dead receiver is started again.
	back  time.Time
	kills int

	refs   []string
	forged []*forgery
}

func open(ctx context.Context, f flags, out io.Writer) (_ *world, err error) {
	w := &world{
		flags: f, out: out, clock: vendorsim.NewClock(theDay(), 1), secret: "the-secret-of-the-dashboard",
		dice: rand.New(rand.NewPCG(f.seed, 1)), forged: forgeries(), //nolint:gosec // it is to be repeatable
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	w.sim, err = vendorsim.Start(vendorsim.Config{
		Dir: filepath.Join(f.dir, "vendor"), Clock: w.clock, Seed: f.seed, Vendors: []vendorsim.Vendor{{Name: lob.Name}},
		Lob: vendorsim.LobConfig{RateLimit: -1},
		Faults: vendorsim.Plan{Rules: []vendorsim.Rule{
			{Boundary: vendorsim.CallbackEarly, Rate: 0.2, First: 1},
			{Boundary: vendorsim.CallbackTwice, Rate: 0.2},
			{Boundary: vendorsim.CallbackDisorder, Rate: 0.1},
			{Boundary: vendorsim.CallbackLate, Rate: 0.1},
		}},
	})
	if err != nil {
		return nil, err
	}
	w.orders = orders{Dir: f.dir, Addr: "127.0.0.1:0", Vendor: w.sim.URL + "/lob/v1", Secret: w.secret}
	for _, c := range w.sim.Credentials(lob.Name) {
		if c.Mode == postproof.ModeLive {
			w.orders.Key = c.Key
		}
	}
	if w.own, err = openService(ctx, w.orders, w.clock); err != nil {
		return nil, err
	}
	if err := w.start(); err != nil {
		return nil, err
	}
	w.orders.Addr = w.receiver.addr // the next one listens there, too
	return w, w.sim.SetWebhook(vendorsim.Webhook{
		Vendor: lob.Name, URL: w.endpoint(), Secret: w.secret, Policy: vendorsim.CallbackPolicy{Parallel: 8},
	})
}

func (w *world) endpoint() string { return "http://" + w.orders.Addr + "/callbacks/lob" }

func (w *world) close() error {
	var errs []error
	if w.receiver != nil {
		errs = append(errs, w.receiver.kill())
	}
	if w.own != nil {
		errs = append(errs, w.own.close())
	}
	if w.sim != nil {
		errs = append(errs, w.sim.Close())
	}
	return errors.Join(errs...)
}

func (w *world) start() (err error) {
	w.orders.Now = w.clock.Now()
	w.receiver, err = startReceiver(w.orders)
	return err
}

// mailCards sends one card to each contact.
func (w *world) mailCards(ctx context.Context) error {
	fmt.Fprintf(w.out, "%d postcards go to Lob; its callbacks go to %s\n", w.n, w.endpoint())
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	var mu sync.Mutex
	next := 0
	for range 8 {
		all.Go(func() {
			for ctx.Err() == nil {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= w.n {
					return
				}
				rec, err := w.own.mail.Submit(ctx, card(i))
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				w.refs = append(w.refs, string(rec.Receipt.Ref))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// card is the piece of the i-th contact.
func card(i int) postproof.Job {
	contact := fmt.Sprintf("contact-%05d", i+1)
	return postproof.Job{
		Key: postproof.Key("spring/" + contact), Campaign: "spring", Contact: contact, Class: postproof.FirstClass,
		To:    postproof.Address{Name: "Current Resident", Line1: fmt.Sprint(100+i, " Example Street"), City: "Springfield", Region: "IL", PostalCode: "62701"},
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
	}
}

// passDays lets time pass, an hour at a time: the vendor tells of what has
// happened, and nothing more happens before it has tried to. Now and then the
// receiver is killed in the middle of that.
func (w *world) passDays(ctx context.Context) error {
	killAt := w.killTimes()
	for at := time.Duration(0); at < lastDay; at += time.Hour {
		kill := w.receiver != nil && len(killAt) > 0 && at >= killAt[0]
		if kill {
			killAt = killAt[1:]
		}
		if err := w.passHour(ctx, kill); err != nil {
			return err
		}
		if w.receiver != nil && at%day == 12*time.Hour {
			if err := w.forge(ctx); err != nil {
				return err
			}
		}
		if at > 9*day && w.receiver != nil {
			if done, err := w.done(ctx); err != nil || done {
				return errors.Join(err, w.stop())
			}
		}
	}
	// There is nothing left to tell. What the receiver has not worked off yet takes
	// it real time, which on a busy machine is longer than the days were.
	for range 600 {
		if err := w.passHour(ctx, false); err != nil {
			return err
		}
		if w.receiver == nil {
			continue // it is started again in some hours
		}
		if done, err := w.done(ctx); err != nil || done {
			return errors.Join(err, w.stop())
		}
		if err := postproof.Sleep(ctx, postproof.SystemClock(), 100*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("the inbox is not empty a minute after all the days")
}

// killTimes are hours at which much is told: a piece has one scan a day, in the
// first hours of it.
func (w *world) killTimes() []time.Duration {
	var out []time.Duration
	for i := range kills {
		out = append(out, time.Duration(i*5/kills)*day+time.Duration(w.dice.IntN(6))*time.Hour)
	}
	return out
}

func (w *world) passHour(ctx context.Context, kill bool) error {
	now := w.clock.Now().Add(time.Hour)
	if w.receiver == nil && !now.Before(w.back) {
		if err := w.start(); err != nil {
			return err
		}
	}
	if w.receiver != nil { // first: else what is sent at once would be of the future
		if err := w.receiver.setClock(ctx, now); err != nil {
			return err
		}
	}
	w.clock.Advance(time.Hour)
	if kill {
		if err := postproof.Sleep(ctx, postproof.SystemClock(), time.Duration(w.dice.IntN(20_000))*time.Microsecond); err != nil {
			return err
		}
		if err := w.kill(); err != nil {
			return err
		}
	}
	return w.sim.WaitCallbacks(ctx)
}

func (w *world) kill() error {
	err := w.receiver.kill()
	w.receiver = nil
	w.kills++
	dead := time.Duration(1+w.dice.IntN(3)) * time.Hour
	w.back = w.clock.Now().Add(dead)
	at := w.clock.Now().Sub(theDay())
	fmt.Fprintf(w.out, "day %d, %02d:00  kill -9; %d callbacks are acknowledged; started again after %s\n",
		1+at/day, at%day/time.Hour, w.sim.Stats().Vendors[lob.Name].Acknowledged, dead)
	return err
}

// done reports whether the vendor has nothing to tell any more, and everything
// that it told is worked off.
func (w *world) done(ctx context.Context) (bool, error) {
	for _, h := range w.sim.Webhooks() {
		if h.Pending > 0 {
			return false, nil
		}
	}
	for m, err := range w.own.store.Inbox().List(ctx, idempotency.MessageQuery{}) {
		if err != nil {
			return false, err
		}
		if m.State == idempotency.MessageWaiting {
			return false, nil
		}
	}
	return true, nil
}

func (w *world) stop() error {
	err := w.receiver.stop()
	w.receiver = nil
	return err
}
