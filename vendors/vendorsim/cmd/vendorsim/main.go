// Command vendorsim serves the simulated print vendors until it is told to
// stop (SIGINT, SIGTERM). State and print log survive a kill when -dir is set.
//
//	vendorsim -addr 127.0.0.1:8080 -dir ./state -faults chaos -scale 3600
//
// Callbacks go to the webhooks that are named, each as vendor=URL,secret and,
// if need be, the vendor's format:
//
//	vendorsim -webhook lob=http://127.0.0.1:9090/callbacks/lob,whsec_0123456789abcdef
//
// They are dated by the simulator's clock. A receiver that goes by this machine's
// refuses them as too old or too new once -scale or -start has taken the two apart,
// so leave both out where callbacks are to be received.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // PostGrid prints at midnight Eastern time

	"github.com/postproof/postproof/vendors/vendorsim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "vendorsim:", strings.TrimPrefix(err.Error(), "vendorsim: "))
		os.Exit(1)
	}
}

// run serves until the context ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("vendorsim", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8080", "address to listen on; port 0 picks one")
	log := flags.String("log", "", "file of the print log (default: prints.jsonl in -dir)")
	dir := flags.String("dir", "", "directory of the state; empty keeps it in memory")
	faults := flags.String("faults", "none", "none, outage, chaos, a file, or a plan as JSON")
	seed := flags.Uint64("seed", 0, "seed of ids, outcomes and faults; 0 means that of -dir, or 1")
	scale := flags.Float64("scale", 1, "how many seconds pass in a real one; 0 stands still")
	start := flags.String("start", "", "time at the start, RFC 3339 (default: now)")
	rate := flags.Int("lob-rate", 0, "Lob's requests in five seconds; 0 means 150, -1 no limit")
	keys := flags.Bool("postgrid-keys", false, "PostGrid honors Idempotency-Key on orders")
	var webhooks []vendorsim.Webhook
	flags.Func("webhook", "vendor=URL,secret[,format]: where the vendor's callbacks go; may be repeated", func(text string) error {
		w, err := parseWebhook(text, len(webhooks))
		webhooks = append(webhooks, w)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("%q: want flags only, see -h", flags.Arg(0))
	case *scale < 0:
		return fmt.Errorf("-scale %g: want 0 or more", *scale)
	}
	base := time.Now()
	if *start != "" {
		var err error
		if base, err = time.Parse(time.RFC3339, *start); err != nil {
			return fmt.Errorf("-start: %w", err)
		}
	}
	plan, err := vendorsim.ParsePlan(*faults, base)
	if err != nil {
		return err
	}
	sim, err := vendorsim.New(vendorsim.Config{
		Dir: *dir, PrintLog: *log, Clock: vendorsim.NewClock(base, *scale), Seed: *seed, Faults: plan,
		Vendors:  []vendorsim.Vendor{{Name: "lob"}, {Name: "pcm"}, {Name: "postgrid"}},
		Lob:      vendorsim.LobConfig{RateLimit: *rate},
		PostGrid: vendorsim.PostGridConfig{IdempotencyKeys: *keys},
		Webhooks: webhooks,
	})
	if err != nil {
		return err
	}
	err = serve(ctx, sim, *addr, out)
	return errors.Join(err, sim.Close())
}

// parseWebhook reads the n-th -webhook, from 0.
func parseWebhook(text string, n int) (vendorsim.Webhook, error) {
	vendor, rest, ok := strings.Cut(text, "=")
	parts := strings.Split(rest, ",")
	if !ok || vendor == "" || len(parts) < 2 || len(parts) > 3 {
		return vendorsim.Webhook{}, errors.New("want vendor=URL,secret or vendor=URL,secret,format")
	}
	w := vendorsim.Webhook{Vendor: vendor, ID: fmt.Sprintf("flag%d", n+1), URL: parts[0], Secret: parts[1]}
	if len(parts) == 3 {
		w.Format = parts[2]
	}
	return w, nil
}

func serve(ctx context.Context, sim *vendorsim.Sim, addr string, out io.Writer) error {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: sim.Handler(), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	base := "http://" + listener.Addr().String()
	for _, v := range sim.Vendors() {
		fmt.Fprintf(out, "%s (%s API): %s/%s\n", v.Name, v.API, base, v.Name)
		for _, c := range sim.Credentials(v.Name) {
			fmt.Fprintf(out, "  %s key %s", c.Mode, c.Key)
			if c.Secret != "" {
				fmt.Fprintf(out, " secret %s", c.Secret)
			}
			fmt.Fprintln(out)
		}
	}
	for _, w := range sim.Webhooks() {
		fmt.Fprintf(out, "%s calls back %s (webhook %s)\n", w.Vendor, w.URL, w.ID)
	}
	fmt.Fprintf(out, "control: %s/_sim/info\nprint log: %s\n", base, cmp.Or(sim.PrintLog(), "in memory, read it at "+base+"/_sim/prints"))
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	// Requests that hang on purpose would hold the server up: give the others
	// a moment, then close.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return server.Close()
	}
	return nil
}
