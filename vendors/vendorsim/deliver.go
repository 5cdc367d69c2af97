package vendorsim

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// delivery is an event on its way to a webhook.
type delivery struct {
	event  *event
	hook   *hook
	number int // of the event
	index  int // in the queue; -1 outside of it

	state        DeliveryState
	due          time.Time
	acknowledged time.Time
	attempts     []CallbackAttempt
}

// deliveryQueue has the earliest first, and of those due at the same time the
// event that was told first.
type deliveryQueue []*delivery //nolint:recvcheck // heap.Interface: only Push and Pop change the slice

func (q deliveryQueue) Len() int { return len(q) }
func (q deliveryQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q deliveryQueue) Less(i, j int) bool {
	if c := q[i].due.Compare(q[j].due); c != 0 {
		return c < 0
	}
	return q[i].number < q[j].number
}

// Push implements [heap.Interface].
func (q *deliveryQueue) Push(x any) {
	if d, ok := x.(*delivery); ok {
		d.index = len(*q)
		*q = append(*q, d)
	}
}

// Pop implements [heap.Interface].
func (q *deliveryQueue) Pop() any {
	last := len(*q) - 1
	d := (*q)[last]
	d.index = -1
	*q = (*q)[:last]
	return d
}

// newPoster returns the client that posts callbacks. It follows nothing.
func newPoster(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = &http.Transport{MaxIdleConnsPerHost: 16}
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// startWorkers starts what is missing of the workers of the webhooks. It is
// called by the ticker only, which the simulator waits for when it closes; the
// caller holds the lock.
func (s *Sim) startWorkers() {
	for _, in := range s.order {
		for _, h := range in.hooks {
			for ; h.workers < h.policy.Parallel; h.workers++ {
				s.ticker.Go(func() { s.deliver(h) })
			}
		}
	}
}

// deliver sends what is due to a webhook, until the simulator closes.
func (s *Sim) deliver(h *hook) {
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-s.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	defer func() { cancel(); <-stopped }()
	alarm := alarm{clock: s.clock}
	for {
		s.mu.Lock()
		if h.workers > h.policy.Parallel {
			h.workers--
			s.mu.Unlock()
			return
		}
		now := s.now()
		c, sent, wait := h.take(now)
		to := h.Webhook
		timeout := time.Duration(h.policy.Timeout)
		s.mu.Unlock()
		if len(sent) == 0 {
			select {
			case <-s.closing:
				return
			case <-h.wake:
			case <-alarm.in(now, wait):
				alarm.rang()
			}
			continue
		}
		if err := s.post(ctx, h, to, timeout, c, sent); err != nil {
			return
		}
	}
}

// take takes the next callback off the queue; nothing and the time to wait
// when none is due.
func (h *hook) take(now time.Time) (*composition, []*delivery, time.Duration) {
	if len(h.queue) == 0 {
		return nil, nil, forever
	}
	if wait := h.queue[0].due.Sub(now); wait > 0 {
		return nil, nil, wait
	}
	c := &composition{secret: h.Secret, format: h.Format, now: now}
	var sent []*delivery
	for len(sent) < h.policy.Batch && len(h.queue) > 0 && !now.Before(h.queue[0].due) {
		d, ok := heap.Pop(&h.queue).(*delivery)
		if !ok {
			break
		}
		sent = append(sent, d)
		c.events = append(c.events, happening{d.event, d.event.asOf()})
		c.attempt = max(c.attempt, len(d.attempts)+1)
	}
	h.flying += len(sent)
	if len(h.queue) > 0 {
		wakeUp(h.wake) // another worker may take the next
	}
	return c, sent, 0
}

// post sends a callback once and records what became of it. An error means
// that nothing more can be sent.
func (s *Sim) post(ctx context.Context, h *hook, to Webhook, timeout time.Duration, c *composition, sent []*delivery) error {
	data := &attemptData{Webhook: to.ID}
	for _, d := range sent {
		data.Events = append(data.Events, d.number)
		// An event that a receiver knows of is never one that a crash undoes.
		if err := s.journal.wait(d.event.position); err != nil {
			return err
		}
	}
	header, body := h.in.notifier().compose(c)
	answer, failure := s.send(ctx, to.URL, timeout, header, body)
	if ctx.Err() != nil {
		return ctx.Err() // closing: it is sent again after a restart
	}
	data.Failure = failure
	s.mu.Lock()
	defer s.mu.Unlock()
	h.flying -= len(sent)
	if failure == "" {
		data.Status = answer.status
		data.Failure = h.policy.judge(answer)
	}
	_, err := s.put(&record{Vendor: h.in.name, Attempt: data})
	s.stir()
	return err
}

// stir wakes those who wait for callbacks to be sent.
func (s *Sim) stir() {
	close(s.changed)
	s.changed = make(chan struct{})
}

type callbackAnswer struct {
	status int
	body   []byte
}

// judge returns why the answer does not mean "received"; empty when it does.
func (p CallbackPolicy) judge(a callbackAnswer) string {
	switch {
	case p.Status != 0 && a.status != p.Status:
		return fmt.Sprintf("status %d, want %d", a.status, p.Status)
	case p.Status == 0 && (a.status < 200 || a.status > 299):
		return fmt.Sprintf("status %d, want 2xx", a.status)
	case p.Body != "" && string(bytes.TrimSpace(a.body)) != p.Body:
		return "another body than the vendor wants"
	default:
		return ""
	}
}

// maxCallbackAnswer bounds what is read of an answer.
const maxCallbackAnswer = 64 << 10

// send posts a callback; failure says why there is no answer.
func (s *Sim) send(ctx context.Context, to string, timeout time.Duration, header http.Header, body []byte) (answer callbackAnswer, failure string) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return answer, "the request cannot be made"
	}
	req.Header = header
	resp, err := s.poster.Do(req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return answer, "no answer in time"
		}
		return answer, "the connection failed"
	}
	defer resp.Body.Close()
	answer.status = resp.StatusCode
	if answer.body, err = io.ReadAll(io.LimitReader(resp.Body, maxCallbackAnswer)); err != nil {
		return answer, "the answer was cut"
	}
	return answer, ""
}

// applyAttempt moves the events of an attempt on.
func (in *instance) applyAttempt(rec *record) {
	a := rec.Attempt
	in.stats.Callbacks++
	if a.Failure == "" {
		in.stats.Acknowledged++
	}
	for _, number := range a.Events {
		d := in.deliveryOf(number, a.Webhook)
		d.attempts = append(d.attempts, CallbackAttempt{Time: rec.At, Status: a.Status, Failure: a.Failure})
		if d.index >= 0 { // read back, it is still there
			heap.Remove(&d.hook.queue, d.index)
		}
		d.next(rec.At, a.Failure)
		d.event.tried()
	}
	if h := in.hookOf(a.Webhook); a.Failure != "" && h.failed(rec.At) {
		h.drop()
	}
}

// next decides what becomes of the delivery after an attempt.
func (d *delivery) next(at time.Time, failure string) {
	p, h := d.hook.policy, d.hook
	first := d.acknowledged.IsZero()
	switch {
	case failure == "" && first:
		d.acknowledged, d.state = at, StateAcknowledged
		if d.event.Again == 0 || h.off() {
			return
		}
		d.due = at.Add(time.Duration(d.event.Again))
	case !first: // the second copy, whatever became of it
		d.state = StateAcknowledged
		return
	case h.off():
		d.state = StateDropped
		return
	case len(d.attempts) > len(p.Retries):
		d.state = StateGivenUp
		return
	default:
		d.due = at.Add(time.Duration(p.Retries[len(d.attempts)-1]))
	}
	heap.Push(&h.queue, d)
	wakeUp(h.wake)
}

// failed counts a failure and reports whether it pauses the webhook.
func (h *hook) failed(at time.Time) bool {
	if h.policy.PauseAfter == 0 || h.off() {
		return false
	}
	within := at.Add(-time.Duration(h.policy.PauseWithin))
	recent := h.failures[:0]
	for _, f := range h.failures {
		if f.After(within) {
			recent = append(recent, f)
		}
	}
	h.failures = append(recent, at)
	if len(h.failures) < h.policy.PauseAfter {
		return false
	}
	h.pausedAt = at
	return true
}

func (in *instance) hookOf(id string) *hook {
	for _, h := range in.hooks {
		if h.ID == id {
			return h
		}
	}
	return nil
}

// deliveryOf returns nil when there is none.
func (in *instance) deliveryOf(number int, hook string) *delivery {
	if number < 1 || number > len(in.events) {
		return nil
	}
	for _, d := range in.events[number-1].deliveries {
		if d.hook.ID == hook {
			return d
		}
	}
	return nil
}
