package callback

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// AlertKind says what an alert is about.
type AlertKind string

// The kinds of alert.
const (
	// AlertFailing: an event failed three times in a row; tries go on.
	AlertFailing AlertKind = "callback_failing"
	// AlertHanging: the handler does not return although its context has ended. It
	// keeps one of the slots of its process, see [WithConcurrency], until it does.
	AlertHanging AlertKind = "callback_hanging"
	// AlertParked: an event failed too often, and waits for a person: see
	// [Receiver.List] and [Receiver.Replay].
	AlertParked AlertKind = "callback_parked"
	// AlertUnmatched: a callback is about a piece that the ledger does not know.
	// It is kept as evidence.
	AlertUnmatched AlertKind = "callback_unmatched"
	// AlertSilent: an endpoint says nothing, although pieces there wait for
	// news.
	AlertSilent AlertKind = "callback_silent"
	// AlertTooLarge: a body was longer than what is taken, see [WithMaxBody]. Nobody has
	// verified it: it may be the vendor's, or anybody's who knows the URL. It is told once
	// a day, by each process that is sent one.
	AlertTooLarge AlertKind = "callback_too_large"
)

// Alert is something that a person should know of. It holds no personal data.
type Alert struct {
	// ID is random, and the same each time that the alert is sent by the process that
	// raised it. One that makes up for a process that died raises it under another.
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	Kind AlertKind `json:"kind"`
	// Vendor and Endpoint say where; Endpoint is set for what is about no event.
	Vendor   string `json:"vendor,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	// Message is the event's id in the inbox, Record its piece.
	Message uint64         `json:"message,omitempty"`
	Record  idempotency.ID `json:"record,omitempty"`
	// Tries is how often it has failed, Reason the last failure.
	Tries  int    `json:"tries,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Since is when the endpoint last said something.
	Since time.Time `json:"since,omitzero"`
	// More is how many alerts of this kind and vendor came since the last one
	// that was sent, and are not sent themselves.
	More int `json:"more,omitempty"`
}

// Notifier tells a person. It is called once at a time; an error is tried again for
// some minutes. The context ends after ten seconds: one that does not return then is
// not waited for. What is parked or silent and could not be told is told half an hour
// later, by whichever process runs then, until it was: at least once, then. An
// [AlertFailing] that is lost is not repeated; what still fails is parked.
type Notifier interface {
	Notify(ctx context.Context, a Alert) error
}

// NotifierFunc makes a function a [Notifier].
type NotifierFunc func(ctx context.Context, a Alert) error

// Notify implements [Notifier].
func (f NotifierFunc) Notify(ctx context.Context, a Alert) error { return f(ctx, a) }

// slogNotifier is the default. The alarms log what they send by themselves.
type slogNotifier struct{ logger *slog.Logger }

// Notify implements [Notifier].
func (slogNotifier) Notify(context.Context, Alert) error { return nil }

const (
	// alertPause is how long alerts of one kind and vendor are gathered after
	// one was sent: a handler that fails fails for all.
	alertPause   = 10 * time.Minute
	alertQueue   = 64
	alertTimeout = 10 * time.Second
	alertTries   = 5
)

// alarms hands alerts to the notifier, in a goroutine of their own: one that
// hangs must not hold a worker up.
type alarms struct {
	r     *Receiver
	queue chan *letter
	// busy holds one while the notifier is at it.
	busy chan struct{}

	mu   sync.Mutex
	last map[alarmKey]*gathered
}

type alarmKey struct {
	kind     AlertKind
	vendor   string
	endpoint string
}

type gathered struct {
	at   time.Time
	next *letter // the latest of those that were not sent, with what all of them owe
	more int
}

// owed is what a letter stands for that takes others with it.
func (g *gathered) owed(last []debt) []debt {
	if g.next == nil {
		return last
	}
	all := append(g.next.owed, last...) //nolint:gocritic // the letter before is not sent
	return all[:min(len(all), owedMost)]
}

// pauses reports whether an alert was sent so lately that others are gathered. One
// that was sent at a time to come, before the clock was set back, holds none up.
func (g *gathered) pauses(now time.Time) bool {
	since := now.Sub(g.at)
	return since >= 0 && since < alertPause
}

func newAlarms(r *Receiver) *alarms {
	return &alarms{r: r, queue: make(chan *letter, alertQueue), busy: make(chan struct{}, 1), last: map[alarmKey]*gathered{}}
}

// raise hands an alert on, unless one of the kind was sent lately. What is owed stays in
// the ledger until it was sent.
func (a *alarms) raise(ctx context.Context, alert Alert, owed ...debt) {
	now := a.r.in.Clock.Now()
	alert.ID, alert.At = rand.Text(), now
	key := alarmKey{alert.Kind, alert.Vendor, alert.Endpoint}
	a.mu.Lock()
	g := a.last[key]
	if g != nil && g.pauses(now) {
		g.next = &letter{alert, g.owed(owed)}
		g.more++
		a.mu.Unlock()
		return
	}
	if g != nil {
		alert.More = g.more // the pause is over, and nobody has looked since
		owed = g.owed(owed)
	}
	a.last[key] = &gathered{at: now}
	a.mu.Unlock()
	a.send(ctx, &letter{alert, owed})
}

// send logs an alert and queues it. What is gathered is in the line of the one that
// stands for it: where a handler fails for all, or the notifier is away, each would be
// a line, and again every half hour.
func (a *alarms) send(ctx context.Context, alert *letter) {
	a.r.in.Logger.LogAttrs(ctx, slog.LevelError, "callbacks need a person", slog.String("kind", string(alert.Kind)), slog.String("vendor", alert.Vendor),
		slog.String("endpoint", alert.Endpoint), slog.Uint64("message", alert.Message), slog.Int("tries", alert.Tries), slog.String("reason", alert.Reason),
		slog.Int("more", alert.More))
	select {
	case a.queue <- alert:
	default:
		a.lost(ctx, alert)
	}
}

func (a *alarms) lost(ctx context.Context, alert *letter) {
	a.r.tel.alerted(ctx, alert.Kind, "lost")
	a.r.in.Logger.LogAttrs(ctx, slog.LevelError, "an alert about callbacks could not be sent", slog.String("kind", string(alert.Kind)), slog.String("vendor", alert.Vendor),
		slog.Int("more", alert.More))
}

// flush sends what was gathered, when its pause is over; all of it at the end.
func (a *alarms) flush(ctx context.Context, all bool) {
	now := a.r.in.Clock.Now()
	var due []*letter
	a.mu.Lock()
	for key, g := range a.last {
		if !all && g.pauses(now) {
			continue
		}
		if g.next == nil {
			delete(a.last, key)
			continue
		}
		g.next.More = g.more - 1
		due = append(due, g.next)
		a.last[key] = &gathered{at: now}
	}
	a.mu.Unlock()
	for _, alert := range due {
		a.send(ctx, alert)
	}
}

// run sends what is queued, until the context ends; then what is left, once.
func (a *alarms) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case alert := <-a.queue:
			if !a.deliver(ctx, alert) {
				a.finish(ctx, alert)
				return
			}
		case <-ctx.Done():
		}
	}
	a.finish(ctx)
}

// finish sends what is left, all of it together in the time of one: whoever stops a
// program waits for this.
func (a *alarms) finish(ctx context.Context, left ...*letter) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), alertTimeout)
	defer cancel()
	a.flush(ctx, true)
	for {
		select {
		case alert := <-a.queue:
			left = append(left, alert)
			continue
		default:
		}
		break
	}
	var owed []debt
	for _, alert := range left {
		if a.notify(ctx, alert.Alert) != nil {
			a.lost(ctx, alert)
			continue
		}
		a.r.tel.alerted(ctx, alert.Kind, "sent")
		owed = append(owed, alert.owed...)
	}
	a.r.told(ctx, owed) // behind all: a ledger that hangs takes no time from the others
}

// deliver reports false when the context ended before the alert was sent or lost.
func (a *alarms) deliver(ctx context.Context, alert *letter) bool {
	for try := range alertTries {
		if try > 0 && postproof.Sleep(ctx, a.r.in.Clock, time.Duration(try*try)*10*time.Second) != nil {
			return false
		}
		if a.notify(context.WithoutCancel(ctx), alert.Alert) == nil { // one that was begun comes to its end
			a.r.tel.alerted(ctx, alert.Kind, "sent")
			a.r.told(ctx, alert.owed)
			return true
		}
	}
	a.lost(ctx, alert)
	return true
}

var errNotifier = errors.New("the notifier did not return in time")

// notify calls the notifier in a goroutine of its own, which it may even end. One
// that hangs is left behind: a Run that ends must not wait for it.
func (a *alarms) notify(ctx context.Context, alert Alert) error {
	ctx, cancel := context.WithTimeout(ctx, alertTimeout)
	defer cancel()
	select {
	case a.busy <- struct{}{}:
	case <-ctx.Done():
		return errNotifier
	}
	answered := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() {
			if p := recover(); p != nil {
				err = &panicError{"the notifier's"}
			}
			answered <- err
			<-a.busy
		}()
		err = a.r.notifier.Notify(ctx, alert)
	}()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
	}
	select { // it may have come in the same moment
	case err := <-answered:
		return err
	default:
		return errNotifier
	}
}
