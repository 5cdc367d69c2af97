// Package vendorsim runs the print vendors' own wire APIs on this machine: the
// same paths, bodies, errors, limits and status changes that their
// documentation describes, so that a vendor's own client library can talk to
// them. It adds what a test of a mail pipeline needs and no sandbox offers:
// faults at every boundary of a request, a clock that can be sped up, and a
// log of what was printed that survives a kill.
//
// # Vendors
//
// There are Lob, PCM and PostGrid. They differ in what matters to a sender: Lob
// remembers an idempotency key, PCM refuses a reference that it has, and
// PostGrid, unless [PostGridConfig] says otherwise, makes a piece of every
// submission and has to be searched.
//
// # Durability
//
// When [Config.Dir] is set, every order with its idempotency key and printed
// lines, and every cancellation, is synced to the state file before the answer
// is written; concurrent requests share one sync. The print log is written at
// the same time, and what a power failure keeps from it is completed from the
// state at the next start. A simulator that is killed and started again on the
// same directory goes on where it was. Rate limits, outages and the counts of
// reads start anew.
//
// # Print log
//
// The print log is the only truth about paper: one line of JSON for each piece,
// see [PrintLine]. It is written at acceptance, in both modes; mode "test"
// lines are rehearsals of what live mode would have printed. A canceled or
// late-failed piece gets a second line with the event "voided". The recipient
// is a digest that others can compute from their own list, see
// [RecipientDigest].
//
// # Callbacks
//
// A vendor that sends callbacks does so to its webhooks: [Config.Webhooks],
// [Sim.SetWebhook], or the vendor's own API where there is one. From the first
// webhook on, whatever happens to an order becomes an event as the clock
// reaches it, signed and repeated in the vendor's way ([CallbackPolicy]). Every
// event is in the state file before it is sent, and every attempt after it was
// answered: a simulator that is killed tells of each event at least once, under
// the same id. [Sim.Events] is the truth of what happened and what was received;
// [Sim.WaitCallbacks] lets a test that moves the clock wait for what that set
// off; [Sim.Callback] shows a signed callback without sending it.
//
// One callback is under way at a time for each webhook, unless
// [CallbackPolicy.Parallel] says otherwise, so that a run can be repeated.
//
// # Control plane
//
// Beside the vendors' own paths the handler has, under /_sim/: GET info, prints,
// stats, events (?vendor=, ?ref=; one line of JSON for each [CallbackEvent]) and
// webhooks; GET and POST clock; POST outage, webhooks (a [Webhook]) and
// webhooks/pause ({"vendor", "id", "on"}).
//
// # Faults
//
// A [Plan] says how often each [Boundary] fails and when the vendor is out
// altogether. Whether a request fails depends on the seed, the reference of
// the piece, the boundary and the how-manieth request for that reference it
// is; never on the order of requests. So the same run fails in the same
// places, and a retry draws anew.
//
// Faults that break the connection need a real HTTP/1.1 server around the
// handler (TCP or in-memory pipes); a recorder cannot show them.
//
// # Concurrency
//
// A [Sim] and a [Clock] are safe for concurrent use.
package vendorsim
