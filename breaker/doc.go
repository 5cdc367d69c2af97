// Package breaker keeps calls away from a vendor that does not work: one
// circuit breaker for each vendor and operation group, so that a broken
// status API does not stop the mail. A group may have any name; the client's are
// those of [postproof.Op.Group].
//
//	set, err := breaker.New(breaker.Config{}) // each zero field is a default
//	...
//	done, err := set.Allow("acme", "submit")
//	if err != nil {
//		return err // breaker.ErrOpen: nothing was sent
//	}
//	err = call(ctx)
//	done(breaker.Outcome{Kind: breaker.Success}) // or Failure: what the call came to, in any case
//
// Package client has one set for all of its vendors, and most programs only configure
// it, by client.WithBreaker. By itself it guards what else your program calls.
//
// A breaker is closed (calls pass and are counted), open (calls are refused
// with [ErrOpen], which proves that nothing was sent) or half-open (a few
// probes pass and decide). It opens on the share of failed calls or of slow
// calls in a rolling window, or on failures in a row, which are counted apart
// from the window: a vendor that is called once a minute would never fill it.
// The time that it stays open grows from one opening to the next, is drawn at
// random so that replicas do not probe in step, and is never shorter than the
// vendor's own Retry-After, up to [Config.OpenMax].
//
// Half-open is bounded in calls and in time: a probe whose outcome is not
// reported within [Config.HalfOpenFor] is given up as lost, and the breaker
// opens again.
//
// [Set.Transport] puts a breaker under an HTTP client; [Set.Allow] is for
// everything else. [Set.ForceOpen], [Set.ForceClosed] and [Set.Release] are
// the levers of the person on call.
//
// # Errors
//
// A refused call returns an [*OpenError]. It matches [ErrOpen], carries a
// [*postproof.Error] with code unavailable and delivery not sent, and knows
// when a call may pass again. It is a signal to the router, not a failure of
// the job. [New] returns invalid_argument and names the field.
//
// # Concurrency
//
// A [Set] is safe for concurrent use. Events are delivered in order, one at a
// time, by a goroutine that holds no lock and lives only while there is
// something to deliver; a slow receiver never delays a call.
//
// # Telemetry
//
// [Set.States] is right at every moment, without traffic and without events:
// read it from an observable gauge. Events may be dropped when their receiver
// stalls ([Change.Dropped]); states are never wrong.
//
// # Time
//
// Every decision is made on [Config.Clock], which may be simulated, scaled or
// jump in both directions. Transitions that time alone causes are computed
// when somebody looks, with the time at which they were due.
package breaker
