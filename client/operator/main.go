package operator

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// Main runs one command and returns the exit code. It is not safe for concurrent
// use with the same Config. When the context ends the command stops where it is;
// what it had done stays done, and it says so.
func Main(ctx context.Context, cfg Config) int {
	cfg.Name = cmp.Or(cfg.Name, "postproof")
	if cfg.Stdout == nil {
		cfg.Stdout = io.Discard
	}
	if cfg.Stderr == nil {
		cfg.Stderr = io.Discard
	}
	if cfg.Stdin == nil {
		cfg.Stdin = strings.NewReader("")
	}
	if cfg.Clock == nil {
		cfg.Clock = postproof.SystemClock()
	}
	cfg.Interactive = cfg.Interactive || isTerminal(cfg.Stdin)
	out := bufio.NewWriter(cfg.Stdout)
	r := &run{Config: cfg, out: &printer{w: out, width: min(max(cmp.Or(cfg.Width, usualWidth), leastWidth), usualWidth)}, in: bufio.NewReader(cfg.Stdin)}
	err := r.main(ctx)
	err = errors.Join(err, r.close())
	if e := out.Flush(); e != nil && err == nil {
		err = fmt.Errorf("write the answer: %w", e)
	}
	return r.tell(err)
}

// isTerminal reports whether somebody may sit before it.
func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// run is one call of the program.
type run struct {
	Config
	cmd *command
	out *printer
	in  *bufio.Reader

	json, yes bool
	by        string
	expect    int

	ledger client.Store
	epoch  string         // the ledger's, when it was opened
	mail   *client.Client // without vendors
	full   *client.Client // with them
	// damaged is what was met of it, to be told of at the end.
	damaged []*idempotency.DamagedError
	closers []func() error
}

// exit ends a command with another code than ExitError.
type exit struct {
	code int
	err  error // nil when everything is said
}

// Error says what there is to say.
func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

// Unwrap returns the cause.
func (e *exit) Unwrap() error { return e.err }

// needsPerson ends a command that has found something.
func needsPerson(found bool) error {
	if !found {
		return nil
	}
	return &exit{code: ExitNeedsPerson}
}

func usage(format string, args ...any) error {
	return &exit{code: ExitUsage, err: fmt.Errorf(format, args...)}
}

// tell writes the error and returns the exit code.
func (r *run) tell(err error) int {
	if err == nil {
		return ExitOK
	}
	code := ExitError
	if e, ok := errors.AsType[*exit](err); ok {
		if code = e.code; e.err == nil {
			return code
		}
	}
	if _, ok := errors.AsType[UsageError](err); ok {
		code = ExitUsage
	}
	command := ""
	if r.cmd != nil {
		command = " " + r.cmd.name
	}
	for _, line := range wrap(r.Name+command+": "+clean(err.Error()), r.out.width) {
		fmt.Fprintln(r.Stderr, line)
	}
	switch {
	case code == ExitUsage:
		fmt.Fprintf(r.Stderr, "see: %s help%s\n", r.Name, command)
	case errors.Is(err, client.ErrEpochChanged):
		fmt.Fprintf(r.Stderr, "next: %s recover -h\n", r.Name)
	case errors.Is(err, idempotency.ErrNewer):
		fmt.Fprintf(r.Stderr, "next: use the %s of the version that the workers run\n", r.Name)
	case errors.Is(err, idempotency.ErrCorrupt):
		fmt.Fprintln(r.Stderr, "next: correct the path; if this is the ledger, keep a copy, restore a backup, and recover")
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(r.Stderr, "it was told to stop; what is told above as done stays done")
	}
	return code
}

// main parses the arguments, finds the command and runs it.
func (r *run) main(ctx context.Context) error {
	first := r.flags(r.Name)
	err := first.Parse(r.Args)
	rest := first.Args()
	switch {
	case errors.Is(err, flag.ErrHelp):
		r.help("")
		return nil
	case err != nil:
		return usage("%w", err)
	}
	name := "status"
	if len(rest) > 0 {
		name, rest = rest[0], rest[1:]
	}
	if name == "help" {
		return r.helpFor(rest)
	}
	i := slices.IndexFunc(commands(), func(c *command) bool { return c.name == name })
	if i < 0 {
		return usage("there is no command %q%s", name, closest(name))
	}
	r.cmd = commands()[i]
	given := map[string]string{} // registering the flags again sets them back
	first.Visit(func(f *flag.Flag) { given[f.Name] = f.Value.String() })
	fs := r.flags(name)
	if r.cmd.flags != nil {
		r.cmd.flags(fs)
	}
	for name, value := range given {
		if err := fs.Set(name, value); err != nil {
			return usage("-%s: %w", name, err)
		}
	}
	args, err := parse(fs, rest)
	switch {
	case errors.Is(err, flag.ErrHelp):
		r.helpCommand(r.cmd)
		return nil
	case err != nil:
		return usage("%w", err)
	case len(args) < r.cmd.least || (r.cmd.most >= 0 && len(args) > r.cmd.most):
		return usage("%s", r.cmd.wants(args))
	}
	r.out.json = r.json
	if r.by = cmp.Or(r.by, r.By); r.by == "" && r.cmd.changes {
		return usage("say who you are with -by: it is written down with what you do")
	}
	return r.tellDamaged(r.cmd.run(ctx, r, args))
}

// flags returns a set with the flags that all commands have.
func (r *run) flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // the error says it, and help is ours
	fs.Usage = func() {}
	fs.BoolVar(&r.json, "json", false, "print one JSON object a line")
	fs.BoolVar(&r.yes, "yes", false, "do it without asking")
	fs.StringVar(&r.by, "by", "", "who you are, for the record")
	fs.IntVar(&r.expect, "expect", -1, "with -yes: go on only if it is about so many jobs")
	if r.Flags != nil {
		r.Flags(fs)
	}
	return fs
}

// actor is whoever gives the command, with the reason.
func (r *run) actor(why string) client.Actor { return client.Actor{By: r.by, Why: why} }

// parse parses flags that may stand before, between and behind other arguments,
// and returns the others. Behind "--" there are no flags.
func parse(fs *flag.FlagSet, args []string) (rest []string, err error) {
	var plain []string
	if i := slices.Index(args, "--"); i >= 0 {
		args, plain = args[:i], args[i+1:]
	}
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if args = fs.Args(); len(args) == 0 {
			return append(rest, plain...), nil
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

// open opens the ledger.
func (r *run) open(ctx context.Context) (client.Store, error) {
	if r.ledger != nil {
		return r.ledger, nil
	}
	store := r.Store
	if store == nil {
		if r.Open == nil {
			return nil, usage("there is no ledger to work on")
		}
		opened, err := r.Open(ctx)
		if err != nil {
			return nil, err
		}
		if c, ok := opened.(io.Closer); ok {
			r.closers = append(r.closers, c.Close)
		}
		store = opened
	}
	// Before any record is read: the versions that are shown belong to it.
	id, err := store.Identity(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the ledger's identity: %w", err)
	}
	r.ledger, r.epoch = store, id.Epoch
	return store, nil
}

// client returns a client that knows no vendor: it looks and decides.
func (r *run) client(ctx context.Context) (*client.Client, error) {
	if r.mail != nil {
		return r.mail, nil
	}
	store, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	r.mail, err = client.New(ctx, store, nil, r.options(client.WithoutVendors())...)
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, r.mail.Close)
	return r.mail, nil
}

// withVendors returns a client with the vendors' adapters.
func (r *run) withVendors(ctx context.Context, more ...client.Option) (*client.Client, error) {
	if r.full != nil {
		return r.full, nil
	}
	store, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	id, err := store.Identity(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the ledger's identity: %w", err)
	}
	if r.Vendors == nil {
		return nil, errors.New("this command asks the vendors, and none is set up: give their credentials")
	}
	adapters, err := r.Vendors(ctx, id.Mode)
	if err != nil {
		return nil, err
	}
	if len(adapters) == 0 {
		return nil, errors.New("this command asks the vendors, and none is set up: give their credentials, see " + r.Name + " help")
	}
	r.full, err = client.New(ctx, store, adapters, r.options(more...)...)
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, r.full.Close)
	return r.full, nil
}

// options are those of a client of ours: it says itself what there is to say.
func (r *run) options(more ...client.Option) []client.Option {
	all := []client.Option{client.WithLogger(slog.New(slog.DiscardHandler)), client.WithClock(r.Clock), client.WithOwner(ownerOf(r.by))}
	return slices.Concat(all, r.Options, more)
}

// ownerOf names one client of a person's: two of one name take each other's leases for
// their own, and a person may have two terminals open.
func ownerOf(by string) string { return "operator " + by + "/" + rand.Text()[:8] }

func (r *run) close() error {
	var err error
	for _, c := range slices.Backward(r.closers) {
		err = errors.Join(err, c())
	}
	r.closers = nil
	return err
}
