package client

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/retry"
)

// Store is the ledger that a client works on: the memory store, sqlite, or any
// store that passes package storetest.
type Store interface {
	idempotency.Store
	idempotency.Ledger
	idempotency.Backlog
	idempotency.Blobs
}

// Option sets what has a default. A number or a duration of 0 means that default.
type Option interface{ apply(*settings) }

type optionFunc func(*settings)

func (f optionFunc) apply(s *settings) { f(s) }

type settings struct {
	clock       postproof.Clock
	logger      *slog.Logger
	tracers     trace.TracerProvider
	meters      metric.MeterProvider
	owner       string
	deadlines   idempotency.Deadlines
	breaker     breaker.Config
	vendors     map[string]VendorConfig
	concurrency int
	lease       time.Duration
	poll        time.Duration
	reroute     time.Duration
	stopFor     time.Duration
	grace       time.Duration
	retention   time.Duration
	spool       string
	caps        []Cap
	canaries    map[string]int
	policies    map[string]idempotency.Policy
	alone       bool
	onlooker    bool
}

func (s *settings) defaults() {
	if s.clock == nil {
		s.clock = postproof.SystemClock()
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if s.tracers == nil {
		s.tracers = otel.GetTracerProvider()
	}
	if s.meters == nil {
		s.meters = otel.GetMeterProvider()
	}
	if s.owner == "" {
		host, _ := os.Hostname() // a name for people; an empty one will do
		s.owner = fmt.Sprintf("%s/%d/%s", host, os.Getpid(), randomName())
	}
	s.concurrency = cmp.Or(s.concurrency, 16)
	s.lease = cmp.Or(s.lease, 2*time.Minute)
	s.poll = cmp.Or(s.poll, time.Second)
	s.reroute = cmp.Or(s.reroute, 15*time.Minute)
	s.stopFor = cmp.Or(s.stopFor, 15*time.Minute)
	s.grace = cmp.Or(s.grace, 30*time.Second)
}

func (s *settings) validate() error {
	switch {
	case s.concurrency < 1:
		return fmt.Errorf("WithConcurrency(%d): want at least 1", s.concurrency)
	case s.lease < time.Second:
		return fmt.Errorf("WithLease(%s): want at least 1s", s.lease)
	case s.poll < 0:
		return fmt.Errorf("WithPollInterval(%s): negative", s.poll)
	case s.reroute < 0:
		return fmt.Errorf("WithRerouteAfter(%s): negative; a millisecond is as good as at once", s.reroute)
	case s.stopFor < 0:
		return fmt.Errorf("WithVendorStop(%s): negative", s.stopFor)
	case s.grace < 0:
		return fmt.Errorf("WithGrace(%s): negative; a millisecond is as good as not at all", s.grace)
	case s.retention != 0 && s.retention < MinRetention:
		return fmt.Errorf("WithRetention(%s): want at least %s (%d days), or 0 to keep everything", s.retention, MinRetention, MinRetention/(24*time.Hour))
	}
	if err := s.deadlines.Validate(); err != nil {
		return fmt.Errorf("WithDeadlines: %w", err)
	}
	given := map[string]bool{}
	for _, c := range s.caps {
		if c.Pieces < 0 || c.Cents < 0 || (c.Pieces == 0 && c.Cents == 0) {
			return fmt.Errorf("WithCap for campaign %q and vendor %q: bounds nothing: set Pieces or Cents", c.Campaign, c.Vendor)
		}
		for _, k := range ownCapCounters([]Cap{c}) {
			if given[k.name] {
				return fmt.Errorf("WithCap for campaign %q and vendor %q: the same bound is given twice: leave one out", c.Campaign, c.Vendor)
			}
			given[k.name] = true
		}
	}
	for campaign, p := range s.policies {
		if p != idempotency.PreferLate && p != idempotency.PreferDuplicate {
			return fmt.Errorf("WithPolicy(%q, %q): no such policy", campaign, p)
		}
	}
	for campaign, n := range s.canaries {
		if campaign == "" || n < 1 {
			return fmt.Errorf("WithCanary(%q, %d): want a campaign and at least one piece", campaign, n)
		}
	}
	return nil
}

// randomName tells clients apart.
func randomName() string {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// VendorConfig is what can be set for one vendor. The zero value of each field
// means its default.
type VendorConfig struct {
	// Transport opens the connections. The default is a transport of the
	// vendor's own, HTTP/1.1 only.
	Transport retry.TransportConfig
	// Retry are the short retries inside a call. Its OnWait and OnGiveUp are called.
	// Its Transport, Clock, OnAttempt, OnSend and OnResult are the client's own: [New]
	// refuses others. Connections are set up by Transport, above.
	Retry retry.Config
	// Rate is how many requests the account may make in a time, for each group
	// of operations (submit, get, look up, …): what was agreed with the vendor,
	// above or below what its adapter states. The zero value is the adapter's
	// own, [postproof.Capabilities.Rate]. Clients on one ledger share it in equal
	// parts, see [WithoutHints]. What the vendor's answers say of the limit counts
	// beside it.
	Rate postproof.Rate
	// Callbacks says that the vendor's callbacks are received, by package
	// client/callback, in this process or in another one on this ledger. Its
	// pieces are then polled only when news of them is overdue
	// ([postproof.Callbacks]). The default polls them at the vendor's pace, which
	// misses nothing and asks more often.
	Callbacks bool
	// FormerAccounts are the other fingerprints ([vendors.Account]) that the very
	// account of the vendor's credentials is or was known by: of its former API key,
	// where that stood for the account, or of its former name. After a key was rotated
	// that nobody had named the account for (WithAccount of the adapter), or after the
	// account was named, pieces of the former name are those of another account until
	// it is listed here: unknown ones are left to other workers and then held, accepted
	// ones are not polled. A held job's note has the fingerprint, as have
	// [Client.Troubles] and the log; an adapter that is made with the former key or name
	// tells it, too. While workers with the old and the new credentials run beside each
	// other, both list the other's.
	//
	// Submissions that the vendor may have keep the name that they were first made
	// under, and so their vendor key and the window of it. An unknown one is looked up,
	// and not sent again: no vendor documents that a key, or a reference, counts with
	// other credentials.
	//
	// What is named wrongly is not believed where paper depends on it: an account that
	// is really another one has none of the pieces. That one of a former name is not
	// found counts only after a piece that was accepted under the same name was found
	// with the present credentials; until the vendor shows one the job is unknown, and
	// if it has none it is held ([idempotency.HoldVendorGone]), and its note says so. A
	// recovery looks up what a lost history may have sent under the present account
	// alone: see [Client.Recover].
	FormerAccounts []string
	// Price returns what a job costs at the vendor, for spend caps, in hundredths of
	// the currency that the account is billed in. The default is 0. It must be quick,
	// and safe for concurrent use.
	Price func(*postproof.Job) int64
}

// Cap bounds what is sent for a campaign to a vendor. An empty name bounds the
// sum over all of them. It bounds all that was ever sent, not what is sent in a day. A
// piece counts from its intent on, until it is proven that it will not be printed; the
// bound is never passed, whatever the number of workers and replicas. A job that
// finds it reached is held, for a person to release.
//
// What was sent before the cap was first configured counts: New reads it once from the
// ledger, two seconds or so for each hundred thousand jobs of the campaign, at the
// present Price where the price of then is not known, and for nothing where the job
// was erased or pruned or its vendor has no adapter here; what others send in these
// seconds may count twice. From then on every client of the ledger counts what it sends,
// those too that do not have the cap or were made before it, each at the Price that it has;
// so a cap may be taken away and set again. Only the clients that have it keep to it: start
// all workers again when you set one.
type Cap struct {
	Campaign string
	Vendor   string
	// Pieces is the most that may be sent, and Cents the most that it may cost, in
	// hundredths of the currency that the account is billed in; 0 means no bound. Cents
	// bounds nothing at a vendor that has no Price: New warns of that.
	// Nothing is converted: where vendors bill in several currencies give each a
	// cap of its own in place of one for their sum.
	Pieces int64
	Cents  int64
}

// WithClock sets the clock. Default: the machine's.
func WithClock(c postproof.Clock) Option { return optionFunc(func(s *settings) { s.clock = c }) }

// WithLogger sets where events that a person should know of are logged: held
// jobs, late arrivals, failovers, stopped vendors. Default: slog's default.
func WithLogger(l *slog.Logger) Option { return optionFunc(func(s *settings) { s.logger = l }) }

// WithTracerProvider sets the tracer provider. Default: the global one at the
// time of New.
func WithTracerProvider(p trace.TracerProvider) Option {
	return optionFunc(func(s *settings) { s.tracers = p })
}

// WithMeterProvider sets the meter provider. Default: the global one at the
// time of New.
func WithMeterProvider(p metric.MeterProvider) Option {
	return optionFunc(func(s *settings) { s.meters = p })
}

// WithOwner names this worker in leases, for people. Give each client of a ledger
// another name: it is also how one tells its own work from another's. Default: host
// name and process id, and a random part.
func WithOwner(name string) Option { return optionFunc(func(s *settings) { s.owner = name }) }

// WithDeadlines sets for how long jobs wait, are looked for and are followed, and the
// backoff between tries. Give all clients of a ledger the same. The ledger keeps how many
// generations, and how long a wait to be sent, any of them allowed: [Client.Recover] looks
// for what those with the largest can have sent.
func WithDeadlines(d idempotency.Deadlines) Option {
	return optionFunc(func(s *settings) { s.deadlines = d })
}

// WithBreaker sets the circuit breakers. Its Clock is the client's. Its
// OnChange is called after the client has logged the change and woken its
// workers.
func WithBreaker(c breaker.Config) Option { return optionFunc(func(s *settings) { s.breaker = c }) }

// WithVendor configures one vendor, by its name. Given more than once for one vendor,
// what a later one sets counts, and what it leaves out, or false, stays as it was.
func WithVendor(name string, c VendorConfig) Option {
	return optionFunc(func(s *settings) { s.vendors[name] = c.over(s.vendors[name]) })
}

// over returns a configuration with what is not set taken from an earlier one: of every
// field that there is, so that a new one is not forgotten here.
func (c VendorConfig) over(earlier VendorConfig) VendorConfig {
	out, had := reflect.ValueOf(&c).Elem(), reflect.ValueOf(earlier)
	for i := range out.NumField() {
		if f := out.Field(i); f.IsZero() {
			f.Set(had.Field(i))
		}
	}
	return c
}

// WithConcurrency sets how many jobs Run and Drain work on at a time. Default
// 16, also for 0. As many again may be held while they wait for their turn.
func WithConcurrency(n int) Option { return optionFunc(func(s *settings) { s.concurrency = n }) }

// WithLease sets how long a job is held by a worker, and so the longest that a
// call with all its retries may send: no longer than half the settle time of its
// vendor, if that is less ([postproof.Lookup], 15 minutes where nothing is documented).
// Default 2 minutes, also for 0.
func WithLease(d time.Duration) Option { return optionFunc(func(s *settings) { s.lease = d }) }

// WithPollInterval sets how often an idle worker looks for work that came from
// elsewhere: by chance up to a quarter sooner, so that workers do not go in step.
// Default 1 second, also for 0.
func WithPollInterval(d time.Duration) Option { return optionFunc(func(s *settings) { s.poll = d }) }

// WithRerouteAfter sets from which wait on a job goes to the next vendor when
// the one that it is for asks it to wait (429), or refuses the account (401,
// 402, 403). Until then the job waits for that vendor. For as long a job is left to
// other workers that no vendor of this client could take, or whose outcome is unknown at
// a vendor, or an account, that this client cannot ask; and for longer, up to its
// deadline, while another client says that it can ([WithoutHints]). The default, and the meaning
// of 0, is 15 minutes; a millisecond is as good as at once.
func WithRerouteAfter(d time.Duration) Option {
	return optionFunc(func(s *settings) { s.reroute = d })
}

// WithVendorStop sets for how long a vendor is left alone after it refused the
// account (401, 402, 403), before it is tried again. Jobs that are for it wait,
// see [WithRerouteAfter]. The default, and the meaning of 0, is 15 minutes.
// [Client.EndVendorStop] ends it sooner.
func WithVendorStop(d time.Duration) Option { return optionFunc(func(s *settings) { s.stopFor = d }) }

// WithoutHints makes the client read and write no hints, see Replicas in the
// package documentation: it goes by what it meets itself, and takes a vendor's
// rate as its own. By default replicas share hints through the ledger.
func WithoutHints() Option { return optionFunc(func(s *settings) { s.alone = true }) }

// WithGrace sets how long Run and Drain let sends finish when they are told to
// stop. The default, and the meaning of 0, is 30 seconds; a millisecond is as good
// as not at all.
func WithGrace(d time.Duration) Option { return optionFunc(func(s *settings) { s.grace = d }) }

// WithSpool sets the folder that keeps vendors' answers while the ledger cannot
// be written. Default: what the store offers (sqlite: beside its file), else
// they are kept in memory only.
//
// The ledger keeps which folders its clients have. So what lies in another one on the
// same machine, because the option was changed or left out, is taken over by the next
// client that is made there, or is told of, and [Client.SpoolFolders] lists those on
// all machines. The folder must stay on a disk that outlives the process, as a volume of
// a container does.
func WithSpool(dir string) Option { return optionFunc(func(s *settings) { s.spool = dir }) }

// WithCap bounds what is sent; see [Cap].
func WithCap(c Cap) Option { return optionFunc(func(s *settings) { s.caps = append(s.caps, c) }) }

// WithCanary lets the first n pieces of a campaign go, and then waits for
// [Client.Approve]. Pieces that were sent before a client with the canary was made do not
// count: of a campaign that is under way n more go. Jobs that are handed in to a client
// with the canary wait wherever they are worked on, also where it is not set, and after
// it was taken away; all others wait at the clients that have it.
func WithCanary(campaign string, n int) Option {
	return optionFunc(func(s *settings) { s.canaries[campaign] = n })
}

// WithPolicy sets what happens to a campaign's jobs when nobody can be asked
// whether the vendor has them. The default, [idempotency.PreferLate], holds
// them. With [idempotency.PreferDuplicate] whoever configures it accepts the
// risk of two pieces: they are sent anew, once, and the history of each says so.
// It holds for jobs that are handed in after it was set.
func WithPolicy(campaign string, p idempotency.Policy) Option {
	return optionFunc(func(s *settings) { s.policies[campaign] = p })
}
