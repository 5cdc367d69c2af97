package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// The files in the folder of a run.
const (
	ledgerFile = "ledger.db"
	crmFile    = "crm.jsonl"
)

// orders is what a receiver is told when it is started: the first line of its
// standard input, so that no secret stands in a list of processes. It works until
// its input ends, or it is killed.
type orders struct {
	Dir  string `json:"dir"`
	Addr string `json:"addr"`
	// Now is the time of the simulator.
	Now time.Time `json:"now"`
	// Vendor is where the simulated Lob is, Key the account there, Secret what
	// its webhook signs with.
	Vendor string `json:"vendor"`
	Key    string `json:"key"`
	Secret string `json:"secret"`
}

// service is what a real service has, too: a ledger, a client, a receiver and
// what is to hear of the news.
type service struct {
	store *sqlite.Store
	mail  *client.Client
	rx    *callback.Receiver
	crm   *os.File
}

// runReceiver is the receiver's process. It prints the address where it listens.
func runReceiver(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	input := bufio.NewReader(in)
	line, err := input.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the receiver got no orders: %w", err)
	}
	var o orders
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("the receiver got no orders: %w", err)
	}
	clock := vendorsim.NewClock(o.Now, 1)
	s, err := openService(ctx, o, clock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()

	mux := http.NewServeMux()
	mux.Handle("/callbacks/", s.rx) // Lob's are /callbacks/lob
	mux.HandleFunc("POST /clock", func(w http.ResponseWriter, r *http.Request) {
		var now time.Time
		if json.NewDecoder(r.Body).Decode(&now) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		clock.Set(now)
	})
	lis, err := net.Listen("tcp", o.Addr) //nolint:noctx // loopback
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	go func() { _ = server.Serve(lis) }() // returns when Close is called
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- s.rx.Run(ctx) }()
	fmt.Fprintln(out, lis.Addr())

	_, _ = io.Copy(io.Discard, input) // until whoever started it is done, or gone
	err = server.Close()
	stop()
	return errors.Join(err, <-ran)
}

func openService(ctx context.Context, o orders, clock postproof.Clock) (_ *service, err error) {
	s := &service{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.store, err = sqlite.Open(ctx, filepath.Join(o.Dir, ledgerFile), sqlite.WithMode(postproof.ModeLive), sqlite.WithClock(clock)); err != nil {
		return nil, err
	}
	printer, err := lob.New(o.Key, lob.WithBaseURL(o.Vendor), lob.WithUseType(lob.Operational))
	if err != nil {
		return nil, err
	}
	if s.mail, err = client.New(ctx, s.store, []vendors.Adapter{printer}, client.WithClock(clock), client.WithLogger(slog.New(slog.DiscardHandler)),
		// The real one's rate would make the cards take some seconds.
		client.WithVendor(lob.Name, client.VendorConfig{Callbacks: true, Rate: postproof.Rate{Requests: 1e6, Per: time.Second}})); err != nil {
		return nil, err
	}
	if s.crm, err = os.OpenFile(filepath.Join(o.Dir, crmFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	s.rx, err = callback.New(s.mail, []callback.Endpoint{{Adapter: printer, Secrets: []string{o.Secret}}}, callback.WithHandler(s.updateCRM))
	return s, err
}

// update is a line of the CRM's log.
type update struct {
	Contact string          `json:"contact"`
	Stage   postproof.Stage `json:"stage"`
	Message uint64          `json:"message"`
}

// updateCRM is the handler: what a user's own code does with the news. It is
// called at least once for each event, so it must bear to be called again.
func (s *service) updateCRM(_ context.Context, u callback.Update) error {
	line, err := json.Marshal(update{u.Record.Contact, u.Record.Status.Stage, u.Message})
	if err != nil {
		return err
	}
	_, err = s.crm.Write(append(line, '\n')) // one write: a kill tears none
	return err
}

func (s *service) close() error {
	var errs []error
	if s.rx != nil {
		errs = append(errs, s.rx.Close())
	}
	if s.mail != nil {
		errs = append(errs, s.mail.Close())
	}
	if s.crm != nil {
		errs = append(errs, s.crm.Close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}
