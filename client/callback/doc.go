// Package callback receives what vendors tell by themselves: that a piece was
// printed, mailed, scanned, delivered or returned.
//
// A [Receiver] is an [http.Handler] beside a [client.Client], for the callbacks of
// any number of vendors and accounts:
//
//	rx, err := callback.New(mail, []callback.Endpoint{
//		{Adapter: lobAdapter, Secrets: []string{os.Getenv("LOB_WEBHOOK_SECRET")}},
//		{Adapter: postgridAdapter, Secrets: []string{os.Getenv("POSTGRID_WEBHOOK_SECRET")}},
//	}, callback.WithHandler(updateCRM))
//	...
//	mux.Handle("/callbacks/", rx) // POST /callbacks/lob, POST /callbacks/postgrid
//	go rx.Run(ctx)
//
// The client is to know of it, by Callbacks of its [client.VendorConfig], or it polls each
// piece all the same; [New] warns of that.
//
// The handler may run in one process and [Receiver.Run] in another, or both in
// many: what lies between them is the ledger's inbox.
//
// # What happens to a callback
//
// It is taken in, and nothing more, before it is answered:
//
//  1. What can be told without the body is told: the method, a compressed body
//     (refused: a small one would unpack to a huge one), its stated length, and,
//     where the vendor signs nothing, the token and the address.
//  2. The body is read as it came, up to a limit and in limited time.
//  3. The vendor's signature is verified over the raw bytes, with every active
//     secret of every account that shares the URL.
//  4. It is stored durably, with the time of receipt and the headers that it
//     takes to verify it again, unless it is there already.
//  5. It is answered as that vendor wants it.
//
// The answers are 401 for a wrong signature or one of another time, 400 for a
// missing one, 413 for a body too large, 408 for one too slow, and 503 with Retry-After
// when the inbox cannot write: then the vendor repeats it. What is too large it repeats in
// vain: the owner is told ([AlertTooLarge]), and the piece is polled when the news is
// overdue. A store that hangs is answered for before the vendor gives up; what it writes
// after all is known when the vendor repeats it.
//
// Then, and separately, workers ([Receiver.Run], [Receiver.Drain]) apply it. The
// piece is found by our reference, else by the vendor's id. What the event says
// goes through the ledger's machine, which knows that events come late, twice and
// in any order, and is committed together with the mark that says so. So an event
// is applied once, however often a process dies. One that settles a submission
// whose outcome was unknown does so. One that says less than is known is kept in
// the history, and changes nothing.
//
// Last comes the handler of [WithHandler]. It runs after the ledger was changed,
// at least once: when a process dies between the two, the next one runs it. Its
// failures are retried, told ([Notifier]), and parked in the end; see
// [Receiver.List] and [Receiver.Replay] for what to do then.
//
// A handler that takes its process down, by os.Exit, for want of memory or by a fatal
// error of the runtime, has failed as well: that it was begun is in the ledger, and
// whoever comes to the event after [WithLease] and finds no outcome counts it. So an
// event that kills workers is parked like any other. Events whose handlers ran beside
// it are counted once for each such end, too, and so is one whose process was killed or
// stood still for other reasons. Told to stop, Run gives back what it was at, which
// counts for nothing; three stops in a row that interrupt one event are a failure of it,
// though: it may be what its process is stopped for.
//
// That an event is parked, or an endpoint silent, is noted in the ledger as untold until
// the [Notifier] has taken the alert. A process that dies before, or whose notifier is
// away, leaves it to the next, half an hour later. So the owner may hear of a thing twice.
//
// # What tells one event from another
//
// The event's id, where the vendor's signature covers one; else the piece, its
// status and the vendor's time; without a time the event's bytes as well. A
// callback with many events is stored in one piece; then each event gets a
// message of its own, applied and parked by itself, while the callback keeps the
// bytes that all of them came in.
//
// # What is not ours
//
// Events of another mode or account are stored as ignored, and counted. An event
// about a piece that the ledger does not know is tried again for some hours,
// because an answer may still be on its way. One that carries our reference is
// then kept as evidence: parked, told, and listed by [client.Client.Incidents] and
// [Query] Unmatched. After a restored backup it is what shows the pieces of the
// lost history. One without is most likely about a piece of another program that
// sends with the same account: it is ignored.
//
// # Vendors that sign nothing
//
// Their URL must carry a token: give it to the vendor as the last element of the
// path. It is compared in constant time; keep it out of your access log. What
// such a callback says is never believed. It only has the vendor asked, and not
// more than once a minute for a piece.
//
// # Hostile senders
//
// Bodies under way are limited in number ([WithBodies]), size ([WithMaxBody]) and
// time ([WithReadTimeout]), and of those beyond 1 MiB an eighth as many may be under way:
// 64 of 1 MiB and 8 of the vendor's longest is the most memory that senders can
// take. When all are taken the one that has been read for longest is cut off, so
// that slow senders cannot keep others out. For that the server must support
// read deadlines, as net/http does; a middleware that wraps the
// [http.ResponseWriter] needs an Unwrap method. Set ReadHeaderTimeout and
// IdleTimeout on your [http.Server] all the same: a handler is not called before
// the headers are there. What has no valid signature never reaches the store, and
// is logged once a minute.
//
// # Silence
//
// A vendor that stops calling is noticed ([Endpoint] Silence): when nothing came
// for a while although pieces wait for news, the owner is told, also of whether
// it was the secret that did not fit. Polling, meanwhile, is the client's: say with
// Callbacks of [client.VendorConfig], in every process that works on the ledger,
// that a vendor's callbacks are received, and its pieces are asked about only when
// news of them is overdue; without it they are polled all the time.
//
// # Retention
//
// Raw payloads hold personal data. They are purged after 30 days
// ([WithRetention]), in small steps; what waits for us or for a person keeps its
// own. What deduplicates an event, and what the ledger learned, stays.
//
// What comes in about a job that was pruned ([client.Client.Prune]), or is replayed
// then, changes nothing in the ledger, but the handler is called: Fresh is false, and
// the record what is left of it, without the key. The payload is kept until it has
// succeeded; without a handler the event is ignored.
//
// What comes in about the piece of a person who was erased ([client.Client.Erase])
// is applied, or ignored when the job is buried, and loses its payload in the
// commit that settles it; a batch with such an event when all of its events are
// settled. The handler sees it once more, as it came.
//
// # Errors
//
// Errors are [*postproof.Error] or wrap one. No text of an error, of the inbox, of
// a log line or of an alert holds personal data or secrets: of the handler's errors
// only a [*postproof.Error] is kept with its text.
//
// # Concurrency
//
// A Receiver is safe for concurrent use. Any number of processes may take
// callbacks in, and any number may work on one inbox. Give all of them all endpoints:
// an event that comes to a process without its own is left to the others for ten minutes
// from its receipt, and is a failure after that. Two handlers never run for
// one piece at a time, unless one outlives [WithLease] because it ignores its
// context.
//
// # Telemetry
//
// Each event that is applied has a span of kind CONSUMER, linked to the call that
// brought the job, however long ago that was; the handler's context has it.
// [Receiver.Replay] has one, too; an [Inbox], which has no tracer, has none. A
// callback's own traceparent, which anybody could send, counts for nothing here; where
// otelhttp stands in front tell it so (WithPublicEndpointFn). Metrics are named postproof.callbacks.*:
// received (by outcome, and reason: a callback whose signature is right is refused
// as stale or future, which the sender is not told), processed (by outcome), handler_failures,
// alerts, intake.duration and inbox.depth. All say of which mode the ledger is
// (mail.mode).
package callback
