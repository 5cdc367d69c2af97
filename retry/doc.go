// Package retry sends one request of a vendor's API, again if need be, and
// says what that means for paper.
//
// Ordinary retry libraries look at an error or a status and send again. For
// printed mail that is how people get the same letter twice: a timeout does
// not say whether the vendor took the job. A [Sender] decides by two things
// instead: what class of operation it is ([postproof.Repeat]) and what became
// of the bytes ([postproof.Delivery]).
//
//	failure                              safe     keyed            never
//	not sent (nothing was written)       again    again            again
//	refused, "come back later"           again    again            again
//	refused for good                     stop     stop             stop
//	unknown (a byte was written)         again    before NotAfter  stop
//
// "Again" always means: while attempts, budget, deadline and not-after last.
// The delivery that [Sender.Do] returns is the join over all sends of the
// call: a later, milder answer never hides an earlier uncertainty.
//
//	sender, err := retry.New(retry.Config{}) // each zero field is a default
//	...
//	resp, err := sender.Do(ctx, &retry.Request{
//		Op: postproof.OpSubmit, Vendor: "acme", Class: postproof.RepeatKeyed, Method: http.MethodPost, URL: orders,
//		Body: open, ContentLength: n, // opened from its start for each attempt
//		NotAfter: time.Now().Add(23 * time.Hour), // until when the vendor honors the key
//	})
//	if err != nil && postproof.DeliveryOf(err).MayBeInTheMail() {
//		// ask that vendor, before anybody else gets the job
//	}
//
// Package client sends everything through it, and sets it up by Retry of its
// VendorConfig. By itself it is for programs that call a vendor without a ledger.
//
// # Sends
//
// net/http repeats a request by itself when a reused connection dies, if it
// holds the request for idempotent. A header named Idempotency-Key is enough,
// whether the vendor honors it or not. [Transport] therefore watches the
// connection itself. Before the first byte of a request it checks the
// request's not-after and class, and counts; a request of class never is not
// written a second time, whoever tries.
//
// An [net/http.Transport] works, too, but can only be watched through
// [net/http/httptrace]: a connection handed out counts as bytes written, and where
// no trace fires at all, an error is [postproof.Unknown]. What is wrapped around
// either says by a method Unwrap that it hands requests to nobody else, see
// [Config]; else nobody knows where they went, and an error is Unknown unless it is
// itself a [*postproof.Error] that says otherwise.
//
// A process that is frozen between the check and the write still writes late.
// Nothing inside the process can prevent that; settle times are for it.
//
// # Time
//
// Not-after, waits, windows and attempt timeouts live by the injected clock.
// The deadline of a context lives by the machine's clock; its remaining time
// is compared with waits as it stands.
//
// # Errors
//
// Do returns a [*postproof.Error] whose cause is an [*AttemptsError] with
// every attempt, the last failure, the reason to stop and, where the context
// or the clock ended it, that cause, too. New, NewBudget and NewTransport return one
// with [postproof.CodeInvalidArgument] for a setting that is wrong. Error texts hold no URL, header or
// body.
//
// # Concurrency
//
// Sender, Transport and Budget are safe for concurrent use. The package
// starts no goroutine of its own, except one for each running attempt when
// the injected clock is not the system clock.
package retry
