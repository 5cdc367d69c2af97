// Service is the skeleton of a service that mails, to begin yours with: it freezes a
// list, queues its jobs on an SQLite ledger, sends them through two vendors, takes
// their callbacks in, answers for single pieces over HTTP, and ends as it should when
// it is told to stop (SIGTERM). service.go is what you keep; the vendors, here two
// simulators on this machine, and the customer in main.go are what you leave out.
//
//	go run ./examples/service
//	go run ./examples/service -stay    # until Ctrl-C; look at it with client/cmd/postproof
//
// What to look for:
//
//   - what is started, and in which order it ends: no new callbacks, then the workers,
//     then the client, then the ledger.
//   - what is answered to a job by the two questions about its error: what went wrong,
//     and whether it is in the ledger.
//   - the same list and the same job again: nothing is sent.
//
// Its metrics and spans go to OpenTelemetry's global providers. Set yours before
// newService, with otel.SetMeterProvider and otel.SetTracerProvider; that is all.
//
// It exits 1 when a piece was not printed exactly once, or its callback did not come.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/vendorsim"
)

const contacts = `contact_id,name,address_line1,address_line2,city,state,postal_code
c-1,Alex Doe,210 King St,,San Francisco,CA,94107
c-2,Sam Roe,1 Main St,,Springfield,IL,62701
c-3,Kim Poe,5 Oak Ave,Apt 2,Springfield,IL,62701
c-4,Pat Moe,,,Springfield,IL,62701
`

func main() {
	stay := flag.Bool("stay", false, "go on until it is told to stop, with a ledger that is kept")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *stay, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		stop()
		os.Exit(1)
	}
}

// run starts the vendors and the service, has a customer use it, and stops it.
func run(ctx context.Context, stay bool, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "postproof-service-")
	if err != nil {
		return err
	}
	if !stay {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	if err != nil {
		return err
	}
	home := "http://" + listener.Addr().String()
	plant, err := vendorsim.Start(vendorsim.Config{Webhooks: []vendorsim.Webhook{{Vendor: lob.Name, URL: home + "/callbacks/lob", Secret: "from-the-dashboard"}}})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, plant.Close()) }()

	s, err := newService(ctx, configOf(plant, dir))
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.serve(serving, listener) }()
	if stay {
		fmt.Fprintf(out, "go run ./client/cmd/postproof -store %s\n", filepath.Join(dir, ledgerFile))
	}
	err = customer(serving, s, home, plant, out)
	if stay && err == nil {
		<-serving.Done()
	}
	stop()
	return errors.Join(err, <-ended)
}

// configOf is what a service reads from its environment.
func configOf(plant *vendorsim.Server, dir string) config {
	live := func(vendor string) vendorsim.Credential { c := plant.Credentials(vendor); return c[len(c)-1] }
	return config{
		dir: dir, mode: postproof.ModeLive,
		lobKey: live(lob.Name).Key, lobSecret: "from-the-dashboard", lobURL: plant.URL + "/lob/v1",
		pcmKey: live(pcm.Name).Key, pcmSecret: live(pcm.Name).Secret, pcmURL: plant.URL + "/pcm",
	}
}

// customer hands a list in, and a job, each twice, and looks whether all of it is on
// paper once and its news came back.
func customer(ctx context.Context, s *service, home string, plant *vendorsim.Server, out io.Writer) error {
	for range 2 {
		queued, err := s.handIn(ctx, "spring", strings.NewReader(contacts))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "the list: %d new, %d known, %d rows cannot be mailed\n", queued.New, queued.Known, queued.rejected)
	}
	for _, job := range []string{
		`{"invoice": "1042", "name": "Alex Doe", "line1": "210 King St", "city": "San Francisco", "region": "CA", "postal_code": "94107"}`,
		`{"invoice": "1042", "name": "Alex Doe", "line1": "210 King St", "city": "San Francisco", "region": "CA", "postal_code": "94107"}`,
		`{"invoice": "1042", "name": "Alex Doe", "line1": "7 Elm St", "city": "San Francisco", "region": "CA", "postal_code": "94107"}`,
		`{"invoice": "1043", "name": "Sam Roe"}`,
	} {
		answer, err := post(ctx, home+"/invoices", job)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "an invoice:", answer)
	}
	const pieces = 4 // three of the list, and one invoice
	for range 200 {
		if s.heard.count() >= pieces {
			break
		}
		if err := postproof.Sleep(ctx, postproof.SystemClock(), 50*time.Millisecond); err != nil {
			return err
		}
	}
	if heard, printed := s.heard.count(), len(plant.Prints()); heard != pieces || printed != pieces {
		return fmt.Errorf("%d pieces on paper, news of %d: want %d", printed, heard, pieces)
	}
	fmt.Fprintf(out, "%d pieces on paper, each once, and news of each\n", pieces)
	return nil
}

func post(ctx context.Context, url, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(resp.Body)
	return resp.Status + ": " + strings.TrimSpace(string(text)), errors.Join(err, resp.Body.Close())
}
