package callback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"
)

// Option sets what has a default. A number or a duration of 0 means that default.
type Option interface{ apply(*settings) }

type optionFunc func(*settings)

func (f optionFunc) apply(s *settings) { f(s) }

type settings struct {
	handler        func(context.Context, Update) error
	handlerTimeout time.Duration
	notifier       Notifier
	maxBody        int64
	bodies         int
	readTimeout    time.Duration
	putTimeout     time.Duration
	remote         func(*http.Request) (netip.Addr, bool)
	concurrency    int
	lease          time.Duration
	poll           time.Duration
	grace          time.Duration
	tries          int
	backoff        Backoff
	retention      time.Duration
}

// usualBody is what a body may have beside as many others as there may be; of those that
// are longer only some are under way at a time.
const usualBody = 1 << 20

// alertAfter is the failure of a message, in a row, after which its owner is
// told.
const alertAfter = 3

// Backoff is the time between two tries of a message: Base, then three times as
// long after each failure, at most Cap, less up to a quarter by a jitter.
type Backoff struct {
	// Base is the wait after the first failure. Default 10 seconds.
	Base time.Duration
	// Cap is the longest wait. Default 1 hour.
	Cap time.Duration
}

// WithHandler sets what is called after the ledger knows what a callback says,
// to update a CRM for example. It runs at least once for each event of a piece of
// the ledger, also when that was known or older ([Update.Fresh]). The events
// of one piece come one at a time, in the order of receipt; those of other
// pieces at the same time. It must return soon after the end of its context, see
// [WithHandlerTimeout].
//
// An error or a panic is a failure, and so is the end of the process under it: it is
// tried again with backoff, and later events of that piece wait for it. After three
// failures the owner is told through the [Notifier]; after the limit the event is
// parked, see [WithTries]. Only the text of a [*postproof.Error] is kept and told, of
// others the type: their texts may hold personal data.
func WithHandler(h func(context.Context, Update) error) Option {
	return optionFunc(func(s *settings) { s.handler = h })
}

// WithHandlerTimeout sets after what time the context of the handler ends.
// Default 30 seconds.
func WithHandlerTimeout(d time.Duration) Option {
	return optionFunc(func(s *settings) { s.handlerTimeout = d })
}

// WithNotifier sets how the owner is told of what needs a person. Default: the
// client's logger, which has each [Alert] in any case: of one kind and vendor a line in
// ten minutes, with how many more it stands for.
func WithNotifier(n Notifier) Option { return optionFunc(func(s *settings) { s.notifier = n }) }

// WithMaxBody sets the longest body that is taken, in bytes, of every vendor. Default
// 1 MiB, or what the vendor's capabilities state ([postproof.Callbacks] MaxBytes):
// 8 MiB of PostGrid, whose events show the markup of the piece. A longer one is answered
// with 413. The vendor repeats it in vain and gives up, so the owner is told, see
// [AlertTooLarge]; its piece is polled when the news is overdue.
func WithMaxBody(n int64) Option { return optionFunc(func(s *settings) { s.maxBody = n }) }

// WithBodies sets how many bodies may be under way at a time, read or being
// stored, and an eighth of it how many of them may be longer than 1 MiB. Times 1 MiB,
// and that eighth times [WithMaxBody], it bounds the memory. When that many are under
// way, the one that has been read for longest is cut off in favor of a new one;
// when all are being stored, a new one waits up to a second. Default 64.
func WithBodies(n int) Option { return optionFunc(func(s *settings) { s.bodies = n }) }

// WithReadTimeout sets how long a body may take to come. Default 10 seconds, and
// never more than half of the time that the vendor waits for the answer.
func WithReadTimeout(d time.Duration) Option {
	return optionFunc(func(s *settings) { s.readTimeout = d })
}

// WithPutTimeout sets how long the inbox may take to store a callback before it
// is answered with 503. Default 5 seconds, and never more than is left of the
// time that the vendor waits.
func WithPutTimeout(d time.Duration) Option {
	return optionFunc(func(s *settings) { s.putTimeout = d })
}

// WithRemoteAddr sets how the sender's address is told, for [Endpoint.Allow].
// The default is the address of the connection, which behind a proxy is the
// proxy's. Headers such as X-Forwarded-For may only be believed when a proxy of
// yours sets them.
func WithRemoteAddr(f func(*http.Request) (netip.Addr, bool)) Option {
	return optionFunc(func(s *settings) { s.remote = f })
}

// WithConcurrency sets how many messages Run and Drain work on at a time.
// Default 16.
func WithConcurrency(n int) Option { return optionFunc(func(s *settings) { s.concurrency = n }) }

// WithLease sets how long a message is held by a worker. It must be longer than
// the handler's timeout. Default 90 seconds, or twice the handler's timeout
// where that is more.
func WithLease(d time.Duration) Option { return optionFunc(func(s *settings) { s.lease = d }) }

// WithPollInterval sets how often an idle worker looks into the inbox for what
// another process has stored. Default 1 second.
func WithPollInterval(d time.Duration) Option { return optionFunc(func(s *settings) { s.poll = d }) }

// WithGrace sets how long Run and Drain let handlers finish when they are told
// to stop, before their contexts end. Default 10 seconds.
func WithGrace(d time.Duration) Option { return optionFunc(func(s *settings) { s.grace = d }) }

// WithTries sets after how many failures a message is parked, and how long the
// waits between them are. Default 10: with the default backoff that is after
// about four hours. A replayed message has as many again.
func WithTries(n int, b Backoff) Option {
	return optionFunc(func(s *settings) { s.tries, s.backoff = n, b })
}

// WithRetention sets how long the raw payload of a callback is kept after it was
// received, unless it waits for us or for a person. What deduplicates it, and
// what was learned from it, stays for ever. Default 30 days.
func WithRetention(d time.Duration) Option { return optionFunc(func(s *settings) { s.retention = d }) }

func (s *settings) defaults() error {
	s.handlerTimeout = cmp.Or(s.handlerTimeout, 30*time.Second)
	s.bodies = cmp.Or(s.bodies, 64)
	s.readTimeout = cmp.Or(s.readTimeout, 10*time.Second)
	s.putTimeout = cmp.Or(s.putTimeout, 5*time.Second)
	s.concurrency = cmp.Or(s.concurrency, 16)
	s.lease = cmp.Or(s.lease, max(90*time.Second, 2*s.handlerTimeout))
	s.poll = cmp.Or(s.poll, time.Second)
	s.grace = cmp.Or(s.grace, 10*time.Second)
	s.tries = cmp.Or(s.tries, 10)
	s.backoff.Base = cmp.Or(s.backoff.Base, 10*time.Second)
	s.backoff.Cap = cmp.Or(s.backoff.Cap, time.Hour)
	s.retention = cmp.Or(s.retention, 30*24*time.Hour)
	if s.remote == nil {
		s.remote = connAddr
	}
	for _, d := range []struct {
		name string
		is   time.Duration
	}{
		{"WithHandlerTimeout", s.handlerTimeout},
		{"WithReadTimeout", s.readTimeout},
		{"WithPutTimeout", s.putTimeout},
		{"WithPollInterval", s.poll},
		{"WithGrace", s.grace},
		{"WithRetention", s.retention},
		{"WithTries, Backoff.Base", s.backoff.Base},
		{"WithTries, Backoff.Cap", s.backoff.Cap},
	} {
		if d.is < 0 {
			return fmt.Errorf("%s: %s is negative", d.name, d.is)
		}
	}
	switch {
	case s.maxBody < 0 || s.bodies < 1 || s.concurrency < 1 || s.tries < 1:
		return errors.New("WithMaxBody, WithBodies, WithConcurrency and WithTries take at least 1")
	case s.lease < s.handlerTimeout+10*time.Second:
		return fmt.Errorf("WithLease(%s): want at least 10s more than the handler's timeout of %s, or another worker begins while a handler still runs", s.lease, s.handlerTimeout)
	}
	return nil
}

// wait returns how long a message waits after its n-th failure in a row. The
// jitter comes from the message: those that failed together do not come back
// together.
func (s *settings) wait(id uint64, n int) time.Duration {
	d := min(s.backoff.Base, s.backoff.Cap)
	for range min(n-1, 40) {
		d = min(3*d, s.backoff.Cap)
	}
	spread := (id ^ uint64(n)<<32) * 0x9e3779b97f4a7c15
	return d - time.Duration(spread>>33%1024)*(d/4096)
}

func connAddr(r *http.Request) (netip.Addr, bool) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	return at.Addr().Unmap(), err == nil
}
