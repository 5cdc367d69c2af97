// Package idempotency is the ledger: it remembers, for each piece of mail, what
// was sent to whom and what is known of it, and it decides what may be done
// next. It has the record and its pure state machine, the interfaces of what
// keeps them ([Store], [Inbox], [Blobs]), and a ledger in memory.
//
// Most programs never call it: package client does. Read on to know what the
// client may do with your paper, to write a store, or to drive the machine from
// a workflow engine of your own.
//
// # Words
//
// A job is one piece of mail. Its key is never used for another one. A
// generation is one life of the job on paper: the next one begins only when
// every earlier one is proven dead. A submission is one generation at one
// vendor, known there by our reference ([Namespace.Ref]), with all its sends. The
// join of the sends is the most that any of them may have done: accepted over
// unknown over refused over not sent.
//
// A record is planned (waits to be sent), sending (an intent is durable, bytes
// may be on their way), unknown (nobody can tell yet whether the vendor has it),
// refused (definitely not taken), accepted (with a vendor; its mail status
// moves), held (waits for a callback or a person), canceled or done.
//
// # Rules
//
//  1. Intent before the first byte: vendor, account, mode, vendor key, time, and
//     what proves the body can be built again, are durable before a send.
//  2. One holder: another vendor only when every earlier one is proven not to
//     have the piece. A milder answer never lowers the join.
//  3. Same vendor, same key, same bytes: a resend carries the identical bytes
//     inside the window of the vendor's key. Each intent has a not-after: the
//     least of the lease, the key window less its margin, half the settle time of
//     a vendor that can be looked up, and the deadline.
//  4. A lease that runs out in sending leads to unknown, never to another send.
//  5. Compare and set: a change names the fence that it read. An answer names
//     the intent that it belongs to.
//  6. A holder that froze cannot send on: without the lease there is no intent,
//     and its late answer lowers nothing.
//  7. A new generation needs proof that all before are dead. A piece counts only
//     if it is of this generation, alive, and equal to what was sent: dead means
//     dead, unequal means held.
//  8. Real sends are counted, those that net/http repeats by itself included.
//  9. Never silently, never for ever: a state that is not final has a deadline
//     that ends in held with a reason, and no wait outlasts it.
//  10. A key is never forgotten: a tombstone remains, and refuses every event.
//     Erasure ([Erase]) loses no paper: what may be with a vendor is followed by
//     reference to its end.
//  11. Time never runs back: a record's time is never before the newest that it
//     has seen. In doubt a key window is closed.
//  12. A changed epoch stops submissions, in the very commit of the intent
//     ([Change.Epoch]), until the history that was lost is suspected ([Suspect])
//     in every generation that it can have come to ([Machine.Reachable]), and
//     every vendor has been asked.
//  13. Cancel is a durable wish: it forbids new sends at once, and is carried out
//     whenever the piece turns up. Canceled means that it was read back.
//  14. An answer is not lost with the store: applied late, it means what it
//     meant, and applied twice, nothing more.
//
// # States and events
//
// Each line is an event, each column the state it happens in, each letter a
// state it can lead to, by its initial; "–" where the event is refused with a
// [RuleError].
//
//	event          planned  sending  unknown  refused  accepted  held  canceled   done
//	intend         S        –        S        –        –         –     –          –
//	answer         PUAH     PSURAHC  PUAHC    URAH     PUAHC     PAHC  UAC        AD
//	expire         –        PUAHC    –        –        –         –     –          –
//	looked_up      PAH      SAH      PUAHC    RAH      PUAHC     PAHC  AC         AD
//	observe        PAH      SAH      PUAHC    RAH      PUAHC     PAHC  AC         AD
//	replan         –        –        –        P        –         –     –          –
//	no_route       R        –        –        –        –         –     –          –
//	postpone       P        –        U        R        A         H     C          D
//	wake           P        –        U        –        A         –     –          –
//	cannot_build   P        –        U        –        –         –     –          –
//	finish         –        –        –        –        D         –     –          –
//	hold           H        –        H        –        H         –     –          –
//	release        –        –        –        –        –         PUA   –          –
//	decide         –        –        –        –        –         PAC   –          –
//	reopen         H        –        H        –        H         –     H          –
//	amend          P        –        –        P        –         P     –          –
//	wish_cancel    C        S        U        C        A         AHC   C          –
//	cancel_answer  P        S        PUAHC    R        PUAHC     PAHC  C          D
//	suspect        U        U        U        U        A         H     –          –
//	refresh        –        –        U        –        A         –     –          A
//	replay         P        –        U        P        –         PU    –          –
//	erase          C        S        U        C        A         AHC   C          D
//
// An answer, a look-up, or anything else that shows a piece is heard in every
// state: news of paper is never refused, but by a tombstone. A done job whose
// piece is said to be dead stays done: somebody may have mailed it again since.
// [Refresh] has the vendor asked, and then it goes on. That a piece is another one
// than was sent is found out by what shows it, and no word of where it is ends
// the doubt; a piece that is to be canceled is canceled, whatever it shows. A job that is to be
// erased is canceled where it would be refused for good, and becomes a
// tombstone when it is canceled or done and no vendor is watched.
//
// # Proof of absence
//
// That a vendor does not have a submission is concluded only from two look-ups
// by reference, each complete and each finding a control piece that the vendor
// accepted after our last send, both begun after the settle time, and a settle
// time apart. A vendor that once called our reference a duplicate is never
// believed again not to have it. After the proof the vendor is watched for a
// late arrival, by further look-ups, whatever state the job is in meanwhile:
// also when it was canceled or refused. Where another piece counts, or the job
// is to be canceled, what arrives late is canceled at once; one that cannot be
// is told as an incident, as are two pieces under one reference. Where nothing
// took its place, it is the piece that counts. Where the job is held although it
// has a receipt, nobody knows whether the piece of the receipt lives (its vendor
// contradicts itself, or has been silent for too long): what arrives late may be
// the only one. It is told as an incident and left alone until a person speaks:
// [Release] keeps the receipt, and [Decide] with [VerdictAccepted] names the
// piece that counts; the other one is then canceled, if there is still time.
//
// # Second thoughts
//
// A person's [Release] or [Decide] can be taken back by [Reopen] for as long as
// nothing has come of it: the record remembers what it was ([Record.Prior]) until
// an intent, a vendor's news, or another person's word. That a vendor was asked in
// vain is no news. The job is held again for the same reason, and its submissions
// are as alive as they were: what was decided to be dead is in doubt again.
//
// # Silence
//
// Where a vendor's callbacks tell of a piece, it is polled only when it turns
// silent: when the next event is overdue by the vendor's own patience
// ([postproof.Callbacks], [Machine.Expects]). From then on it is polled at the
// vendor's pace ([postproof.Capabilities], 6 hours where it states none), and
// each wait is twice as long as the one before, up to 72 hours, until there is
// news: then the vendor has its patience anew. Where nothing else tells, polls
// begin at once, and each wait is longer by half, up to 24 hours. Polls end with
// the last status. Silence does not last for ever: the deadline of an accepted
// job ends it in held (rule 9). [Refresh] has a vendor asked at once.
//
// # Times
//
// What each state may take counts from:
//
//	planned   PlannedFor  the creation, the next generation, a person's word, or when the vendor takes so far a send date
//	sending   UnknownFor  the first send
//	unknown   UnknownFor  the first send, or the doubt of a recovery
//	accepted  TrackFor    the acceptance, or the send date if that is later
//	(watch)   WatchFor    the proof of absence, or the send date if that is later
//
// A piece with a send date lies at its vendor until then ([Record.LiesUntil]). The
// first news of it is expected, and silence begins, by the date; until it is known to
// be mailed that holds for each stage. Meanwhile the vendor is asked as of any other
// piece, since one that failed or was canceled there is to be known of, with
// waits that grow up to a week; at the date the pace begins anew. A watch looks at
// its pace for its time, then up to 72 hours apart, and at its pace again from its
// time before the date on. What a send may take, and the window of a key, do not
// depend on the date.
//
// # Policies
//
// Where nobody can be asked, [PreferLate] holds the job for a callback or a
// person. With [PreferDuplicate] somebody has accepted the risk of two pieces,
// and the job is planned anew: once, and never a job that is to be canceled, nor
// one whose vendor is only not configured here, and could be asked elsewhere. For
// a [Step] of [DoDuplicate] apply [PutOnHold] and [Decide] in one change.
//
// # Errors
//
// An event that the machine refuses is a [*RuleError] with the number of the
// rule, or 0 where the event has no meaning; nothing has happened then. A record
// of a newer version is left alone with [ErrNewer]. Stores return [ErrStale] to
// the loser of a race, who reads again; see the other variables for the rest. No
// error text holds a key or personal data.
//
// # Concurrency
//
// A [Machine] is safe for concurrent use once it is set up. Records are shared
// and never modified in place. Stores are safe for concurrent use by goroutines
// and, unless they say otherwise, by processes.
package idempotency
