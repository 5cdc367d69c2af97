package vendorsim

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/postproof/postproof"
)

// Config says what to simulate. The zero value is Lob and PCM in memory,
// without faults, on the machine's clock.
type Config struct {
	// Dir holds the state file and, unless PrintLog says otherwise, the print
	// log "prints.jsonl". It is created when missing. Empty keeps the state in
	// memory. One simulator at a time may have it open.
	Dir string
	// PrintLog is the file of the print log. With a Dir it is completed from
	// the state at the start; without one it is appended to.
	PrintLog string
	// PrintWriter takes the print log instead of a file. Each Write has whole
	// lines.
	PrintWriter io.Writer
	// Clock is the vendors' time; nil means the machine's.
	Clock postproof.Clock
	// Seed decides ids, outcomes and faults. 0 means the one stored in Dir, or
	// 1. A Dir written with another seed is an error.
	Seed uint64
	// Faults is the plan; the zero plan has none.
	Faults Plan
	// Vendors are the vendors to simulate; nil means lob and pcm.
	Vendors []Vendor
	// Lob, PCM and PostGrid are the settings of all vendors with that API.
	Lob      LobConfig
	PCM      PCMConfig
	PostGrid PostGridConfig
	// Webhooks are where callbacks go, see [Sim.SetWebhook]: with a Dir, one
	// that was set before stays until it is set anew.
	Webhooks []Webhook
	// CallbackTransport posts the callbacks; nil means a new [http.Transport].
	CallbackTransport http.RoundTripper
}

// Vendor is a simulated vendor: a name of its own and the API it speaks. Two
// vendors may speak the same API; they share nothing.
type Vendor struct {
	// Name is the name in the print log and the first part of the path.
	Name string `json:"name"`
	// API is "lob", "pcm" or "postgrid"; empty means the same as the name.
	API string `json:"api"`
}

// Credential is an account that a simulated vendor accepts.
type Credential struct {
	Mode postproof.Mode `json:"mode"`
	// Key is the API key; Secret goes with it where the vendor has one.
	Key    string `json:"key"`
	Secret string `json:"secret,omitempty"`
}

// Sim is a set of simulated vendors. It is safe for concurrent use.
type Sim struct {
	clock   postproof.Clock
	seed    uint64
	plan    Plan
	logPath string
	order   []*instance
	vendors map[string]*instance
	handler http.Handler
	journal *journal
	files   []io.Closer
	closing chan struct{}
	closed  sync.Once
	ended   error
	ticker  sync.WaitGroup
	wake    chan struct{}
	poster  *http.Client

	mu     sync.Mutex // guards what follows and the instances' state
	seq    uint64
	due    dueHeap // late failures
	news   dueHeap // what callbacks will tell of
	prints []PrintLine
	// changed is closed and replaced when a callback was answered.
	changed chan struct{}
}

// New starts a simulator, or goes on with the one that Dir holds. Call
// [Sim.Close] when done.
func New(cfg Config) (*Sim, error) {
	if err := cfg.Faults.Validate(); err != nil {
		return nil, err
	}
	s := &Sim{
		clock: cfg.Clock, seed: cfg.Seed, plan: cfg.Faults, vendors: map[string]*instance{},
		closing: make(chan struct{}), wake: make(chan struct{}, 1), changed: make(chan struct{}),
		poster: newPoster(cfg.CallbackTransport),
	}
	if s.clock == nil {
		s.clock = postproof.SystemClock()
	}
	if cfg.Vendors == nil {
		cfg.Vendors = []Vendor{{Name: "lob"}, {Name: "pcm"}}
	}
	for _, v := range cfg.Vendors {
		if err := s.add(v, &cfg); err != nil {
			return nil, err
		}
	}
	if err := s.open(&cfg); err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	if err := s.setWebhooks(cfg.Webhooks); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.handler = s.routes()
	s.ticker.Go(s.tick)
	return s, nil
}

func (s *Sim) add(v Vendor, cfg *Config) error {
	v.API = cmp.Or(v.API, v.Name)
	if !validName(v.Name) {
		return fmt.Errorf("vendorsim: vendor name %q: want lower-case letters and digits", v.Name)
	}
	if s.vendors[v.Name] != nil {
		return fmt.Errorf("vendorsim: vendor %q is there twice", v.Name)
	}
	in := newInstance(s, v)
	switch v.API {
	case "lob":
		in.wire = newLob(in, cfg.Lob)
	case "pcm":
		in.wire = newPCM(in, cfg.PCM)
	case "postgrid":
		wire, err := newPostGrid(in, cfg.PostGrid)
		if err != nil {
			return err
		}
		in.wire = wire
	default:
		return fmt.Errorf("vendorsim: vendor %q: no API %q here", v.Name, v.API)
	}
	s.vendors[v.Name] = in
	s.order = append(s.order, in)
	return nil
}

func validName(name string) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// open reads the state back and makes the files ready to be appended to.
func (s *Sim) open(cfg *Config) error {
	var state *os.File
	if cfg.Dir != "" {
		if err := os.MkdirAll(cfg.Dir, 0o755); err != nil { //nolint:gosec // holds nothing secret that its files' modes do not guard
			return fmt.Errorf("vendorsim: %w", err)
		}
		var err error
		if state, err = os.OpenFile(filepath.Join(cfg.Dir, "state.jsonl"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			return fmt.Errorf("vendorsim: open state: %w", err)
		}
		s.files = append(s.files, lockedFile{state})
		if err := lockFile(state); err != nil {
			return fmt.Errorf("vendorsim: %s is in use by another simulator: %w", cfg.Dir, err)
		}
		if err := s.restore(state); err != nil {
			return err
		}
	}
	log, err := s.openLog(cfg)
	if err != nil {
		return err
	}
	s.journal = newJournal(state, log)
	if s.seq > 0 {
		return nil
	}
	s.seed = cmp.Or(s.seed, 1)
	s.mu.Lock()
	position, err := s.put(&record{Header: &header{Version: 1, Seed: s.seed}})
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.journal.wait(position)
}

func (s *Sim) openLog(cfg *Config) (io.Writer, error) {
	if cfg.PrintWriter != nil {
		return cfg.PrintWriter, nil
	}
	s.logPath = cfg.PrintLog
	if s.logPath == "" {
		if cfg.Dir == "" {
			return nil, nil
		}
		s.logPath = filepath.Join(cfg.Dir, "prints.jsonl")
	}
	f, err := os.OpenFile(s.logPath, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("vendorsim: open print log: %w", err)
	}
	s.files = append(s.files, f)
	if cfg.Dir != "" {
		if err := s.completeLog(f); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Handler serves every vendor under its name (/lob/v1/..., /pcm/...) and the
// control plane under /_sim/.
func (s *Sim) Handler() http.Handler { return s.handler }

// Vendor returns the handler of one vendor, without the prefix of its name:
// /v1/postcards. It returns nil for a name that is not simulated.
func (s *Sim) Vendor(name string) http.Handler {
	in := s.vendors[name]
	if in == nil {
		return nil
	}
	return in
}

// Credentials returns the accounts that the vendor accepts, test first; nil
// for a name that is not simulated.
func (s *Sim) Credentials(name string) []Credential {
	in := s.vendors[name]
	if in == nil {
		return nil
	}
	return in.wire.credentials()
}

// Prints returns the print log so far, oldest line first.
func (s *Sim) Prints() []PrintLine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.prints)
}

// SetOutage switches a kind of outage of a vendor on or off; several can be on
// at once, and the first in the order of [Outages] is the one that is seen.
// It does not survive a restart.
func (s *Sim) SetOutage(vendor string, kind Outage, on bool) error {
	in := s.vendors[vendor]
	if in == nil {
		return fmt.Errorf("vendorsim: no vendor %q here", vendor)
	}
	if !slices.Contains(Outages(), kind) {
		return fmt.Errorf("vendorsim: unknown outage %q", kind)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in.outages[kind] = on
	return nil
}

// Close ends hanging requests, writes what is queued and closes the files.
// Close the server first, so that no request is cut. Calling it again returns
// the same.
func (s *Sim) Close() error {
	s.closed.Do(func() {
		close(s.closing)
		s.ticker.Wait()
		s.poster.CloseIdleConnections()
		s.ended = errors.Join(s.journal.close(), s.closeFiles())
	})
	return s.ended
}

// lockedFile is a file of which this process has the lock.
type lockedFile struct{ *os.File }

// Close gives the lock back, which closing alone does not: a program that this process
// starts at that moment has the file open, too, until it runs.
func (f lockedFile) Close() error {
	unlockFile(f.File)
	return f.File.Close()
}

func (s *Sim) closeFiles() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// now is the simulator's time as it is stored: UTC, to the millisecond.
func (s *Sim) now() time.Time { return s.clock.Now().UTC().Truncate(time.Millisecond) }

// Vendors returns the simulated vendors, in the order of the configuration.
func (s *Sim) Vendors() []Vendor {
	out := make([]Vendor, 0, len(s.order))
	for _, in := range s.order {
		out = append(out, Vendor{Name: in.name, API: in.api})
	}
	return out
}

// PrintLog returns the file of the print log; empty when there is none.
func (s *Sim) PrintLog() string { return s.logPath }
