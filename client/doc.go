// Package client sends mail: it carries jobs from the caller to the vendors so
// that each is printed once, or held with a reason.
//
// A [Client] stands on a ledger (a [Store]) and on one or more vendors, in the
// order of failover:
//
//	ledger, err := sqlite.Open(ctx, "mail.db", sqlite.WithMode(postproof.ModeLive))
//	...
//	mail, err := client.New(ctx, ledger, []vendors.Adapter{lobAdapter, pcmAdapter})
//	...
//	defer mail.Close()
//	rec, err := mail.Submit(ctx, job) // one job, now
//
// [Client.Submit] sends one job now, [Client.Enqueue] stores many, [Client.Run]
// and [Client.Drain] work them off and follow them. An error of Submit beside a
// record does not mean that the job is gone: it is in the ledger, and a worker
// goes on with it. So a program that submits also runs Run somewhere.
//
// [Client.Status], [Client.History], [Client.Held], [Client.Refused], [Client.Incidents] and
// [Client.Depth] say where everything is, [Client.Track] and [Client.Tally] where
// the pieces of a campaign are. [Client.Cancel], [Client.Release],
// [Client.Decide], [Client.Amend], [Client.Approve], [Client.Pause],
// [Client.Resume], [Client.Undo], [Client.Recover] and [Client.Audit] are for
// people.
//
// What may happen to a job is decided by the pure machine of package
// idempotency; this package carries its decisions out.
//
// The order of a call is ledger(route(vendor: retry(breaker(telemetry(http))))).
//
// # When things go wrong
//
//   - A timeout, a reset, a 5xx: the outcome is unknown. The job is settled with
//     that same vendor, by a resend under the same key or by a look-up, and goes
//     to another vendor only when its absence is proven.
//   - A crash: the intent was durable before the first byte. The next process
//     finds the job in sending, and settles it in the same way.
//   - The same key again: nothing is sent. The same key for another piece is an
//     error.
//   - An outage: the breaker opens, nothing is sent to that vendor, and jobs that
//     it does not have go to the next one.
//   - The ledger cannot be written after a vendor answered: the answer is
//     spooled beside the process and applied later, by a client on that machine,
//     whatever folder it has itself ([WithSpool], [Client.SpoolFolders]).
//
// # Following what was accepted
//
// A piece is polled when its vendor's callbacks are overdue, or from the start
// where it sends none; see package idempotency for the pace. Polls have at most
// half of the slots beside other work, and the oldest goes first: however many
// are due, they neither stand before a new job nor wait behind sends without
// end. [Client.Refresh] has one piece asked about now. [Client.Silence] and
// [Client.Polls] are for an alarm when a vendor's callbacks stop arriving. A list
// of what a vendor could not deliver is imported at the pace of its polls; see
// [Client.ImportUndeliverable].
//
// # Pauses
//
// [Client.Pause] stops what is sent for a campaign, through a vendor, or below a
// priority, on every replica: what is paused is one setting of the ledger, and each
// intent is committed only if that is still as it was read. So it does not matter
// how late a replica looks; it does so once a poll interval, and leaves the planned
// jobs that are paused alone then. Only sending stops: what a vendor has, or may
// have, is settled by look-ups, followed, watched and canceled.
//
// # Who did what
//
// Whatever a person does to what is in the ledger is written to the change log in the
// commit that does it: who, when, the reason that was given, to what, and what it was
// before ([Client.Changes]). Each such call takes an [Actor], behind what it is about.
// Each entry carries the digest of the one before. [Client.VerifyChanges] walks them,
// and finds what was changed, taken out or put in; keep the head that it returns
// elsewhere, and it also finds a log that was cut off or written anew.
// [Client.Undo] takes a pause, the end of one, a release, a decision or an approval back, where nothing has come of
// it, and is an entry itself.
//
// # Replay
//
// A campaign that went wrong half way is brought to its end by a [Replay]: of the
// rows of a snapshot, of jobs of the ledger, or of both. [Client.PlanReplay]
// counts what would happen and why, [Client.ReplayItems] lists it, and neither
// does anything. [Client.RunReplay] hands the jobs to the workers of Run and
// Drain: new ones are planned, refused ones anew if that was asked for, held ones
// that nobody has are released, and what a vendor may have is settled, not sent.
// It sends no more than the plan says, can be paused, throttled and stopped from
// any process, and goes on where it was after a crash. Replaying what is finished
// sends nothing. [Client.ReplayProgress], [Client.FollowReplay] and
// [Client.ReplayReport] say how far it is, from counters that the ledger keeps
// in the commits of the jobs. A second piece on purpose is a call of its own,
// [Client.Remail].
//
// # Erasure
//
// [Client.Erase] erases a person: from the ledger, its inbox, the spool and
// snapshots. What is left of a job is a tombstone, so that its key is never used
// again and submitting it again sends nothing. Paper is not lost sight of: where
// a vendor has a piece, or may have it, the job keeps its data until it comes to
// rest, and is buried then; or, with Now, it loses them at once, is followed by
// our reference and the vendor's id alone, and is never made anew. What vendors
// tell later about an erased piece is applied, or ignored, and not kept.
//
// Artwork is stored once, by its content, and nothing deletes it but an erasure that
// asks for it ([Erasure] Artwork): whether a job still needs some can only be told by
// reading the ledger through, which is too much for every job that is amended or
// pruned. Instead the record keeps the names, which are digests, of the artwork that
// the job had before it was amended, and a tombstone those of all of it, with a digest
// by which who names the contact finds it. The erasure deletes by them what no job
// refers to, and takes the names out. What no record knows of, since its job was never
// taken, is given to it by name ([Erasure] Blobs); what is known not to be taken, as
// with a key that stands for another piece, is not stored to begin with.
//
// The [ErasureReport] says what was erased and what is left; its digest stands in the
// change log ([Client.VerifyErasure]).
//
// # Errors
//
// Every error is a [*postproof.Error] or wraps one; ask [postproof.CodeOf] what
// went wrong and [postproof.DeliveryOf] whether paper may be in the mail. The error
// of a sequence or a context of yours comes back as it is.
//
// # Concurrency
//
// A Client is safe for concurrent use. Any number of clients, in any number of
// processes, may work on one ledger.
//
// # Replicas
//
// What must hold for all of them together is in the ledger: who works on a job,
// what was sent, caps and approvals. Breakers and rate limits are each client's
// own, and clients only advise each other, by small settings in the ledger that
// are read once a poll interval:
//
//   - "Not before": a vendor's answer asked to wait (429, a limit that is used
//     up). The others submit nothing to that account before, or read nothing,
//     whichever was limited. Cancellations are always tried.
//   - A breaker of submissions opened, or the account was refused (401, 402, 403).
//     The others leave the vendor alone as if it had happened to them. Each lets
//     one submission go nevertheless, and forgets the hint when that is answered
//     well: a replica whose own network is broken stops only itself.
//   - "I am here": where a vendor states a rate, or [VendorConfig] does, clients
//     with the same account take equal parts of it. A client that has gone is
//     counted for half a minute more, for none after [Client.Close].
//
// A hint delays, and does nothing else. It counts as no failure, opens no
// breaker, and is not passed on. It holds no longer than the client itself would
// leave the vendor alone (OpenMax of [WithBreaker], [WithVendorStop]), however
// wrong a clock is; what cannot be read is ignored. Hints are written beside the
// calls, about one thing at most once a second, and a ledger that does not take
// them fails nothing. [Client.Vendors] shows what is heeded; [WithoutHints] turns
// them off.
//
// # Telemetry
//
// One span for each call that changes the ledger or may ask a vendor, and for each piece
// of work; one CLIENT span below it for each time that bytes went out. The traceparent of the call that brought a job is stored with it, sampled or not, and
// what follows later, in whichever process, is linked to that: work, polls, look-ups,
// cancellations, callbacks, the same key again, decisions. An erasure takes it away. Spans
// name a job as the log does, by the start of its id (mail.job) and by the reference that
// its vendor has (mail.ref). Handing over is of kind PRODUCER, working off CONSUMER.
//
// Nothing of a trace goes to vendors, whatever propagator is set for the process: no
// traceparent, and no baggage, which may name a person. An adapter for a vendor that
// wants one sets the header itself.
//
// Metrics are named postproof.*, their attributes mail.*; those have few values: no
// key, id, reference or campaign is one, and only postproof.replay.jobs names a
// replay, for as long as that is not over. All say of which mode their ledger is
// (mail.mode). Clients of one process on ledgers of one mode write the same gauges, and
// the last is read: give each a meter provider of its own. What is counted of jobs in a
// transaction that is rolled back ([Client.EnqueueTx]) stays counted. No attribute,
// log line or error holds personal data or credentials.
//
// Counters, with their attributes beside mail.mode:
//
//	submissions (mail.submission), attempts (mail.vendor, mail.group), sends,
//	late_arrivals, silent, undeliverable, polls.put_off (mail.vendor), give_ups (mail.vendor,
//	mail.stop: one of [retry.Stop], "budget" when retries took too large a part),
//	outcomes (mail.vendor, mail.delivery), held (mail.reason), incidents
//	(mail.incident, mail.vendor), polls (mail.vendor, mail.poll), unasked (mail.vendor,
//	mail.unasked: "other_account" or "no_adapter"), imports (mail.vendor, mail.import),
//	hints (mail.hint), replay.handed (mail.replay.outcome), pruned
//
// The histogram is submit.duration, in seconds (mail.vendor). Gauges:
//
//	queue.depth (mail.state), queue.age (for how many seconds the oldest job has been
//	due that a worker may take: none that is paused, or waits for the approval of a
//	canary that this client knows of), breaker.state (mail.vendor, mail.group: 0 closed,
//	1 half-open, 2 open), spool.answers (mail.spool), replicas (mail.vendor),
//	paused (mail.paused), replay.jobs (mail.replay, mail.replay.part)
//
// Worth an alarm are: queue.age that goes on rising, for then workers stand still, or are
// too few; incidents and late_arrivals that rise; held in queue.depth above
// zero; parked in spool.answers above zero; breaker.state at 2; and of package
// client/callback the counter callbacks.alerts.
package client

// For who reads the code, by file; what stands in brackets is what it is read with.
//
//	client, options, vendor, onlooker   making a client; what stands before each vendor
//	ledger, settings, now, errors       the ledger that it works on: its history, what it keeps
//	                                    beside jobs, its time, and what is said when it fails
//	submit, enqueue [backlog, artwork, snapshot]
//	                                    how jobs come in
//	worker, pool, polls, drain_end      Run and Drain: who is claimed, in what order
//	work                                one job, from one durable state to the next; then by
//	                                    what the machine says:
//	  send [route, caps, caps_before, canary, paused_work], call [foreign, limiter], answer, settle
//	  reconcile, control [former, account], poll, unasked [unconfigured]
//	intake, observe, undeliverable      what vendors say by themselves
//	internal/spool, spool_*             answers that the ledger could not take
//	hints, hint, heed, replicas, troubles
//	                                    what replicas tell each other
//	jobs, pause, pauses, remail, refresh, prune, undo [unchanged, version, actor]
//	                                    what people ask for, and
//	changes, changes_*                  the log of it
//	replay, replay_*                    replays; _plan and _run stand on _read and _items, on
//	                                    _do and _state
//	recover, recover_*                  after a restore: _suspect is what may have been sent,
//	                                    _number and _before other recoveries
//	erase, erase_*, artwork_erased      erasures; erase_run has the order of their steps
//	incidents, track, audit, damaged    where everything is, and what is wrong
//	telemetry, spans                    metrics and traces
