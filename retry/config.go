package retry

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/postproof/postproof"
)

// Config sets up a [Sender]. The zero value of each field means its default.
type Config struct {
	// Transport carries out the attempts. Have it end in a [Transport]; what
	// is wrapped around it (a breaker, telemetry) finds the attempt with
	// [SendInfo]. Give a round tripper of your own the method
	//
	//	Unwrap() http.RoundTripper
	//
	// if it hands a request to the one that this returns and to no other: by it
	// "not sent" is told from [postproof.Unknown]. Without it every failure is
	// Unknown, because the request may have been handed to one that nobody
	// watches. Default: a new [Transport] with default settings.
	Transport http.RoundTripper
	// MaxAttempts bounds the attempts of one call, the first included.
	// Default 3.
	MaxAttempts int
	// Base is the backoff unit after a failure. Default 50 ms.
	Base time.Duration
	// ThrottleBase is the backoff unit after "too many requests". Default 1 s.
	ThrottleBase time.Duration
	// Cap bounds the jittered backoff. Default 20 s.
	Cap time.Duration
	// MaxInlineWait is the longest wait asked for by a server that is waited
	// for inside a call. For a longer one the call returns at once, with
	// RetryAfter set. Default 5 s.
	MaxInlineWait time.Duration
	// AttemptTimeout bounds one attempt, the reading of the answer included.
	// Default 30 s.
	AttemptTimeout time.Duration
	// Clock is the time of waits, windows, not-after and attempt timeouts.
	// Default [postproof.SystemClock].
	Clock postproof.Clock
	// Rand returns numbers in [0, 1), safe for concurrent use. Default: the
	// runtime's random source.
	Rand func() float64
	// Budget bounds the retries. Share one among all senders of a vendor.
	// Default: a new budget with default settings on Clock.
	Budget *Budget

	// OnAttempt is called before each attempt. The attempt's round trip gets
	// the context it returns, which must be derived from ctx.
	OnAttempt func(ctx context.Context, start AttemptStart) context.Context
	// OnSend is called right before the first byte of a send goes to a
	// connection, from a goroutine of net/http; it must be quick. A send that
	// then puts no byte on the wire is taken back, and the next one has the
	// same index.
	OnSend func(ctx context.Context, send Send)
	// OnResult is called after each attempt, with its error, also when the attempt
	// ends by a panic, of the judge for example. It gets the context of the attempt.
	OnResult func(ctx context.Context, attempt Attempt, err error)
	// OnWait is called before each wait.
	OnWait func(ctx context.Context, wait time.Duration, attempt int)
	// OnGiveUp is called when a call ends in an error, also when no attempt was
	// made.
	OnGiveUp func(ctx context.Context, err *postproof.Error, stop Stop)
}

// AttemptStart describes an attempt that is about to begin.
type AttemptStart struct {
	// Op, Vendor, Class and Method are those of the request.
	Op     postproof.Op
	Vendor string
	Class  postproof.Repeat
	Method string
	// Attempt counts from 0: it is the value of http.request.resend_count.
	Attempt int
	// Wait is the time waited before it.
	Wait time.Duration
	// Start is when it begins.
	Start time.Time
}

// Send describes one time that the request is written to a connection.
type Send struct {
	// Op and Vendor are those of the request.
	Op     postproof.Op
	Vendor string
	// Index counts the sends of the call from 1.
	Index int
	// Attempt is the attempt it belongs to, from 0.
	Attempt int
	// Hidden is true for a repeat that net/http makes by itself.
	Hidden bool
	// Exact is false when the connection is not one of a [Transport]: then the
	// send is assumed as soon as a connection is handed out.
	Exact bool
}

func (c *Config) withDefaults() Config {
	d := *c
	d.MaxAttempts = cmp.Or(d.MaxAttempts, 3)
	d.Base = cmp.Or(d.Base, 50*time.Millisecond)
	d.ThrottleBase = cmp.Or(d.ThrottleBase, time.Second)
	d.Cap = cmp.Or(d.Cap, 20*time.Second)
	d.MaxInlineWait = cmp.Or(d.MaxInlineWait, 5*time.Second)
	d.AttemptTimeout = cmp.Or(d.AttemptTimeout, 30*time.Second)
	if d.Clock == nil {
		d.Clock = postproof.SystemClock()
	}
	if d.Rand == nil {
		d.Rand = rand.Float64
	}
	return d
}

func (c *Config) validate() error {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"MaxAttempts", int64(c.MaxAttempts)},
		{"Base", int64(c.Base)},
		{"ThrottleBase", int64(c.ThrottleBase)},
		{"Cap", int64(c.Cap)},
		{"MaxInlineWait", int64(c.MaxInlineWait)},
		{"AttemptTimeout", int64(c.AttemptTimeout)},
	} {
		if f.value < 0 {
			return wrong("Config.%s is negative", f.name)
		}
	}
	if c.Cap < c.Base {
		return wrong("Config.Cap %v is below Base %v", c.Cap, c.Base)
	}
	return nil
}

// wrong is the error of a setting.
func wrong(format string, args ...any) error {
	return postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, fmt.Errorf("retry: "+format, args...))
}
