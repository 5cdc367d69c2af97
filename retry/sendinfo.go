package retry

import (
	"context"

	"github.com/postproof/postproof"
)

// Info is what a round tripper between the [Sender] and its [Transport] can
// know about the attempt it carries.
type Info struct {
	// Op, Vendor and Class are those of the request.
	Op     postproof.Op
	Vendor string
	Class  postproof.Repeat
	// Attempt counts from 0.
	Attempt int
	// Sends counts the sends of the whole call so far.
	Sends int
	// AttemptSends counts the sends of this attempt so far.
	AttemptSends int
	// Written is true when a byte of this attempt was written, or may have
	// been.
	Written bool
}

// SendInfo returns what is known about the attempt that ctx, the context of
// a request, belongs to. It reports false outside of an attempt. A round
// tripper may call it at any time; the values are those of that moment.
func SendInfo(ctx context.Context) (Info, bool) {
	a := attemptOf(ctx)
	if a == nil {
		return Info{}, false
	}
	c := a.call
	a.mu.Lock()
	defer a.mu.Unlock()
	return Info{
		Op:           c.req.Op,
		Vendor:       c.req.Vendor,
		Class:        c.req.Class,
		Attempt:      a.index,
		Sends:        int(c.sends.Load()),
		AttemptSends: a.sends,
		Written:      a.mayBeWritten(),
	}, true
}

type (
	callKey    struct{}
	attemptKey struct{}
)

func callOf(ctx context.Context) *call {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return nil
	}
	return c
}

func attemptOf(ctx context.Context) *attempt {
	a, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		return nil
	}
	return a
}
