package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/snapshot"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/pcm"
)

// ledgerFile is the ledger, in the folder of the service.
const ledgerFile = "mail.db"

// config is what the service is told.
type config struct {
	dir  string
	mode postproof.Mode // of the ledger, and of all credentials
	// The vendors' credentials. The URLs are empty in real life: then they are the
	// vendors' own.
	lobKey, lobSecret, lobURL string
	pcmKey, pcmSecret, pcmURL string
}

// service is the ledger, and what works on it.
type service struct {
	ledger *sqlite.Store
	lists  *snapshot.Folder
	mail   *client.Client
	rx     *callback.Receiver
	heard  news
}

// newService opens the ledger and makes what works on it. Nothing is sent before serve.
func newService(ctx context.Context, cfg config) (_ *service, err error) {
	s := &service{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	lists := filepath.Join(cfg.dir, "lists")
	if err := os.MkdirAll(lists, 0o750); err != nil {
		return nil, err
	}
	if s.lists, err = snapshot.OpenFolder(lists); err != nil {
		return nil, err
	}
	// On a local disk, and of one mode for ever.
	if s.ledger, err = sqlite.Open(ctx, filepath.Join(cfg.dir, ledgerFile), sqlite.WithMode(cfg.mode)); err != nil {
		return nil, err
	}
	// The account's name outlives its keys: with it a key can be rotated while pieces
	// are on their way.
	lobOptions := []lob.Option{lob.WithAccount("main"), lob.WithUseType(lob.Operational)}
	if cfg.lobURL != "" {
		lobOptions = append(lobOptions, lob.WithBaseURL(cfg.lobURL))
	}
	first, err := lob.New(cfg.lobKey, lobOptions...)
	if err != nil {
		return nil, err
	}
	pcmOptions := []pcm.Option{pcm.WithAccount("main")}
	if cfg.pcmURL != "" {
		pcmOptions = append(pcmOptions, pcm.WithBaseURL(cfg.pcmURL))
	}
	second, err := pcm.New(cfg.pcmKey, cfg.pcmSecret, cfg.mode, pcmOptions...)
	if err != nil {
		return nil, err
	}
	s.mail, err = client.New(
		ctx, s.ledger, []vendors.Adapter{first, second}, // in the order of failover
		client.WithVendor(lob.Name, client.VendorConfig{Callbacks: true}), // in each process on the ledger
		client.WithGrace(20*time.Second),                                  // less than the time that a stop is given
	)
	if err != nil {
		return nil, err
	}
	s.rx, err = callback.New(s.mail, []callback.Endpoint{{Adapter: first, Secrets: []string{cfg.lobSecret}}}, callback.WithHandler(s.heard.update))
	return s, err
}

// serve works until the context ends, and then ends what it began in the order that
// loses nothing. It returns early when the ledger cannot be worked on any more.
func (s *service) serve(ctx context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("/callbacks/", s.rx) // Lob's are /callbacks/lob
	mux.HandleFunc("POST /invoices", s.invoice)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	var errs [3]error
	for i, work := range []func() error{
		func() error { return s.mail.Run(ctx) }, // sends, settles, follows: without it nothing is sent
		func() error { return s.rx.Run(ctx) },   // applies callbacks: without it they are only stored
		func() error {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		},
	} {
		all.Go(func() {
			defer stop() // an error of one is the end of all
			errs[i] = work()
		})
	}
	<-ctx.Done()
	// First the door, so that what is answered is stored; the vendors repeat the rest.
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := server.Shutdown(closing)
	all.Wait() // the sends under way have ended, and what was begun is given back
	return errors.Join(err, errors.Join(errs[:]...), s.close())
}

// close ends what is open, the ledger last.
func (s *service) close() error {
	var errs []error
	if s.rx != nil {
		errs = append(errs, s.rx.Close())
	}
	if s.mail != nil {
		errs = append(errs, s.mail.Close())
	}
	if s.ledger != nil {
		errs = append(errs, s.ledger.Close())
	}
	return errors.Join(errs...)
}

// queued is what became of a list.
type queued struct {
	client.Enqueued
	rejected int
}

// handIn freezes a list and queues a card for each contact. The same list again changes
// nothing: keys are made of campaign, contact and the drop's name.
func (s *service) handIn(ctx context.Context, campaign string, list io.Reader) (queued, error) {
	snap, err := snapshot.Take(ctx, snapshot.CSV(list, snapshot.Mapping{}), snapshot.Options{Campaign: campaign, Store: s.lists})
	if err != nil {
		return queued{}, err
	}
	out, err := s.mail.Enqueue(ctx, client.Jobs(ctx, snap, client.Drop{
		Name: "card", Class: postproof.FirstClass, From: sender(),
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Spring</h1>", Back: "<p>is here</p>"}},
	}))
	if err == nil && out.Rejected > 0 { // no error, and no mail: look at it
		err = fmt.Errorf("%d jobs are not in the ledger, the first because: %w", out.Rejected, out.Rejections[0].Err)
	}
	return queued{out, snap.Counts().Rejected}, err
}

func sender() postproof.Address {
	return postproof.Address{Company: "Springfield Tools", Line1: "100 Main Street", City: "Springfield", Region: "IL", PostalCode: "62701"}
}

// news is what hears of the pieces: your CRM.
type news struct {
	mu     sync.Mutex
	pieces map[string]postproof.Stage
}

// update is called at least once for each event, so it must bear to be called again.
func (n *news) update(_ context.Context, u callback.Update) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pieces == nil {
		n.pieces = map[string]postproof.Stage{}
	}
	n.pieces[string(u.Record.ID)] = u.Record.Status.Stage
	return nil
}

func (n *news) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.pieces)
}
