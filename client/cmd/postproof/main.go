// Postproof is the operator's command for a ledger in SQLite: what is stuck, why,
// whether paper is at risk, and what can be pressed. It works beside the services
// that have the ledger open.
//
//	go run ./client/cmd/postproof -store mail.db
//	go run ./client/cmd/postproof help
//
// Looking and deciding needs no credentials. The commands that ask vendors take
// those of the workers from the environment:
//
//	LOB_API_KEY, LOB_ACCOUNT
//	PCM_API_KEY, PCM_API_SECRET, PCM_CHILD_REF, PCM_ACCOUNT
//	POSTGRID_API_KEY, POSTGRID_ACCOUNT
//	LOB_FORMER_ACCOUNTS, PCM_FORMER_ACCOUNTS, POSTGRID_FORMER_ACCOUNTS
//
// What is not a key or a secret is only for workers that have it, too: see WithAccount and
// WithChildRef of the vendor's package; so are the former accounts, fingerprints with
// commas between them, see FormerAccounts of client.VendorConfig. POSTPROOF_STORE, POSTPROOF_SNAPSHOTS and
// POSTPROOF_BY stand for the flags -store, -snapshots and -by. COLUMNS is how many columns
// a narrow terminal has: export it.
//
// For a ledger in PostgreSQL see the example of package client/operator.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/snapshot"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/postgrid"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := program{env: os.Getenv}
	columns, _ := strconv.Atoi(os.Getenv("COLUMNS")) // of a shell that exports it; else the default
	code := operator.Main(ctx, operator.Config{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Width: columns,
		By:      cmp.Or(os.Getenv("POSTPROOF_BY"), os.Getenv("SUDO_USER"), os.Getenv("USER")),
		Options: p.options(),
		Flags:   p.flags, Where: func() string { return p.store }, Open: p.open, Vendors: p.adapters, Snapshots: p.lists,
	})
	stop()
	os.Exit(code)
}

// program is what the flags and the environment say.
type program struct {
	env        func(string) string
	store      string
	snapshots  string
	readOnly   bool
	vendorURLs urls
}

func (p *program) flags(set *flag.FlagSet) {
	set.StringVar(&p.store, "store", p.env("POSTPROOF_STORE"), "the ledger's `file`, which must be there")
	set.BoolVar(&p.readOnly, "readonly", false, "open the ledger for looking only, as on a disk that cannot be written; a restored backup is not noticed then")
	set.StringVar(&p.snapshots, "snapshots", p.env("POSTPROOF_SNAPSHOTS"), "the `folder` of the frozen lists")
	p.vendorURLs = nil
	set.Var(&p.vendorURLs, "vendor-url", "talk to another server, such as a simulator, given as `vendor=URL`; may be repeated")
}

// open opens a ledger that is there: a typo must not make a new one, which would
// be empty and say that all is well.
func (p *program) open(ctx context.Context) (client.Store, error) {
	if p.store == "" {
		return nil, operator.UsageError{Reason: "which ledger? Say -store FILE, or set POSTPROOF_STORE"}
	}
	info, err := os.Stat(p.store)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no ledger at %s: correct the path; this command makes none", p.store)
	case err != nil:
		return nil, fmt.Errorf("the ledger cannot be looked at: %w", err)
	case info.Size() == 0:
		return nil, fmt.Errorf("%s is an empty file, not a ledger: correct the path", p.store)
	}
	var opts []sqlite.Option
	if p.readOnly {
		opts = append(opts, sqlite.WithReadOnly())
	}
	return sqlite.Open(ctx, p.store, opts...)
}

func (p *program) lists(context.Context) (snapshot.Store, error) {
	if p.snapshots == "" {
		return nil, operator.UsageError{Reason: "where are the snapshots? Say -snapshots FOLDER, or set POSTPROOF_SNAPSHOTS"}
	}
	if info, err := os.Stat(p.snapshots); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("there is no folder %s: correct the path; this command makes none", p.snapshots)
	}
	return snapshot.OpenFolder(p.snapshots)
}

// options are the vendors' other settings.
func (p *program) options() (all []client.Option) {
	for name, variable := range map[string]string{lob.Name: "LOB", pcm.Name: "PCM", postgrid.Name: "POSTGRID"} {
		former := strings.FieldsFunc(p.env(variable+"_FORMER_ACCOUNTS"), func(r rune) bool { return r == ',' || r == ' ' })
		if len(former) > 0 && p.env(variable+"_API_KEY") != "" {
			all = append(all, client.WithVendor(name, client.VendorConfig{FormerAccounts: former}))
		}
	}
	return all
}

// adapters are those that there are credentials for.
func (p *program) adapters(_ context.Context, mode postproof.Mode) ([]vendors.Adapter, error) {
	var all []vendors.Adapter
	add := func(a vendors.Adapter, err error) error {
		if err == nil {
			all = append(all, a)
		}
		return err
	}
	var err error
	if key := p.env("LOB_API_KEY"); key != "" {
		// Lob refuses what does not say what it is for where the account has no
		// default. What is sent from here is a piece to whoever sends it.
		opts := []lob.Option{lob.WithUseType(lob.Operational)}
		if url := p.vendorURLs.of(lob.Name); url != "" {
			opts = append(opts, lob.WithBaseURL(url))
		}
		if name := p.env("LOB_ACCOUNT"); name != "" {
			opts = append(opts, lob.WithAccount(name))
		}
		err = errors.Join(err, add(lob.New(key, opts...)))
	}
	if key := p.env("PCM_API_KEY"); key != "" {
		var opts []pcm.Option
		if url := p.vendorURLs.of(pcm.Name); url != "" {
			opts = append(opts, pcm.WithBaseURL(url))
		}
		if ref := p.env("PCM_CHILD_REF"); ref != "" {
			opts = append(opts, pcm.WithChildRef(ref))
		}
		if name := p.env("PCM_ACCOUNT"); name != "" {
			opts = append(opts, pcm.WithAccount(name))
		}
		err = errors.Join(err, add(pcm.New(key, p.env("PCM_API_SECRET"), mode, opts...)))
	}
	if key := p.env("POSTGRID_API_KEY"); key != "" {
		var opts []postgrid.Option
		if url := p.vendorURLs.of(postgrid.Name); url != "" {
			opts = append(opts, postgrid.WithBaseURL(url))
		}
		if name := p.env("POSTGRID_ACCOUNT"); name != "" {
			opts = append(opts, postgrid.WithAccount(name))
		}
		err = errors.Join(err, add(postgrid.New(key, opts...)))
	}
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("this command asks the vendors: set the workers' LOB_API_KEY, PCM_API_KEY and PCM_API_SECRET, or POSTGRID_API_KEY")
	}
	return all, nil
}

// urls are servers by vendor.
type urls []string

// String implements [flag.Value].
func (u *urls) String() string { return strings.Join(*u, " ") }

// Set implements [flag.Value].
func (u *urls) Set(text string) error {
	for one := range strings.FieldsSeq(text) {
		name, url, ok := strings.Cut(one, "=")
		if !ok || url == "" || !slices.Contains([]string{lob.Name, pcm.Name, postgrid.Name}, name) {
			return errors.New("want vendor=URL, the vendor being lob, pcm or postgrid")
		}
		*u = append(*u, one)
	}
	return nil
}

func (u *urls) of(vendor string) string {
	for _, one := range slices.Backward(*u) {
		if name, url, _ := strings.Cut(one, "="); name == vendor {
			return url
		}
	}
	return ""
}
