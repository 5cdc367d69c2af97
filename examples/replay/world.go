package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/snapshot"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

const (
	campaign = "spring-sale"
	// price is what a postcard costs, in cents.
	price = 77
	// attempt is when a request has timed out: half a real second at the default
	// scale, which a busy machine may need.
	attempt = time.Minute
)

// card is what every job of the campaign has in common.
func card() client.Drop {
	return client.Drop{
		Name: "postcard", Class: postproof.FirstClass,
		Piece: postproof.Postcard{Size: postproof.Size6x9(), Artwork: postproof.HTML{
			Front: "<html><body style='margin:0'><h1>Spring is here</h1></body></html>",
			Back:  "<html><body><p>And so is the sale.</p></body></html>",
		}},
		From: postproof.Address{Company: "Springfield Tools", Line1: "100 Main Street", City: "Springfield", Region: "IL", PostalCode: "62701"},
	}
}

// story is the program, its vendor, and what has come of them so far.
type story struct {
	out    io.Writer
	dir    string
	scale  float64
	clock  *vendorsim.Clock
	plant  *vendorsim.Server
	lists  *snapshot.Folder
	store  *sqlite.Store
	client *client.Client
	// first is the list as it was taken, now as it is after the corrections.
	first, now *snapshot.Snapshot
	planned    client.ReplayPlan
	result     result
}

func begin(ctx context.Context, scale float64, out io.Writer) (_ *story, err error) {
	// Early enough that the nightly batch is still hours away.
	s := &story{out: out, scale: scale, clock: vendorsim.NewClock(time.Date(2026, time.March, 3, 9, 0, 0, 0, time.UTC), scale)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "postproof-replay-"); err != nil {
		return nil, err
	}
	if s.plant, err = vendorsim.Start(vendorsim.Config{Clock: s.clock}); err != nil {
		return nil, err
	}
	lists := filepath.Join(s.dir, "lists")
	if err := os.Mkdir(lists, 0o750); err != nil {
		return nil, err
	}
	if s.lists, err = snapshot.OpenFolder(lists); err != nil {
		return nil, err
	}
	return s, s.start(ctx)
}

// start starts the program: its ledger and its client.
func (s *story) start(ctx context.Context) (err error) {
	if s.store, err = sqlite.Open(ctx, filepath.Join(s.dir, "ledger.db"), sqlite.WithMode(postproof.ModeLive)); err != nil {
		return err
	}
	var key string
	for _, c := range s.plant.Credentials(lob.Name) {
		if c.Mode == postproof.ModeLive {
			key = c.Key
		}
	}
	l, err := lob.New(key, lob.WithBaseURL(s.plant.URL+"/lob/v1"), lob.WithUseType(lob.Marketing))
	if err != nil {
		return err
	}
	s.client, err = client.New(
		ctx, s.store, []vendors.Adapter{l}, client.WithClock(s.clock), client.WithLogger(slog.New(slog.DiscardHandler)),
		client.WithLease(5*attempt), client.WithPollInterval(10*time.Second),
		client.WithVendor(lob.Name, client.VendorConfig{
			Retry: retry.Config{AttemptTimeout: attempt}, Price: func(*postproof.Job) int64 { return price },
		}),
		client.WithBreaker(breaker.Config{SlowCall: attempt, HalfOpenFor: 2 * attempt, OpenMax: 5 * time.Minute}),
		client.WithDeadlines(idempotency.Deadlines{RetryCap: 5 * time.Minute}),
	)
	return err
}

// stop ends the program, as a deployment or a crash does: what is durable is all
// that is left.
func (s *story) stop() error {
	var err error
	if s.client != nil {
		err = s.client.Close()
	}
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	s.client, s.store = nil, nil
	return err
}

func (s *story) close() error {
	err := s.stop()
	if s.plant != nil {
		err = errors.Join(err, s.plant.Close())
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// work has the workers at work while something else is done.
func (s *story) work(ctx context.Context, do func(context.Context) error) error {
	working, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.client.Run(working) }()
	err := do(ctx)
	stop()
	return errors.Join(err, <-ended)
}

// sends is how many submissions the vendor has seen.
func (s *story) sends() int64 { return s.plant.Stats().Vendors[lob.Name].Sends }
