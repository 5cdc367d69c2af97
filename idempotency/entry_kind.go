package idempotency

// EntryKind is what happened, in an [Entry] of the history. It is stored as it is: an
// entry of a newer version may have one that this version does not know.
type EntryKind string

// The kinds of entries that this module writes: of jobs, and of what is sent for them.
const (
	// EntryPlanned: the job was handed in.
	EntryPlanned EntryKind = "planned"
	// EntrySkipped: a vendor was passed over; the note says why.
	EntrySkipped EntryKind = "skipped"
	// EntryNoRoute: no vendor takes the job.
	EntryNoRoute EntryKind = "no_route"
	// EntryPostponed: the job waits; the note says for what.
	EntryPostponed EntryKind = "postponed"
	// EntryReplanned: the job goes to another vendor.
	EntryReplanned EntryKind = "replanned"
	// EntryNextGeneration: the job is submitted anew, since what was before is dead.
	EntryNextGeneration EntryKind = "next_generation"
	// EntryCannotRebuild: the body of a submission cannot be made again, byte for byte.
	EntryCannotRebuild EntryKind = "cannot_rebuild"
	// EntryIntent: a submission begins. It is durable before the first byte.
	EntryIntent EntryKind = "intent"
	// EntryNotTaken: nothing of the submission reached the vendor.
	EntryNotTaken EntryKind = "not_taken"
	// EntryRefused: the vendor said no.
	EntryRefused EntryKind = "refused"
	// EntryRefusedInDoubt: the vendor said no to a resend, and may have the first send.
	EntryRefusedInDoubt EntryKind = "refused_in_doubt"
	// EntryUnknown: the vendor may have it, or not.
	EntryUnknown EntryKind = "unknown"
	// EntryLeaseExpired: whoever sent it did not come back: the vendor may have it.
	EntryLeaseExpired EntryKind = "lease_expired"
	// EntryAccepted: the vendor has it.
	EntryAccepted EntryKind = "accepted"
	// EntryAbsent: it is proven that the vendor does not have it.
	EntryAbsent EntryKind = "absent"
	// EntryStatus: the piece has come to another stage, which the note names.
	EntryStatus EntryKind = "status"
	// EntryDead: what the vendor had will be no paper.
	EntryDead EntryKind = "dead"
	// EntryOutdated: news of what is not so any more changed nothing.
	EntryOutdated EntryKind = "outdated"
	// EntryDone: the piece has come to its end.
	EntryDone EntryKind = "done"
	// EntryAskedAgain: the vendor is asked about a piece once more, after its end.
	EntryAskedAgain EntryKind = "asked_again"
	// EntryHeld: the job waits for a person; the note is the [HoldReason].
	EntryHeld EntryKind = "held"
)

// The kinds of what a person should look at, which package client lists as incidents.
const (
	// EntryLateArrival: a piece turned up at a vendor that was thought not to have it.
	EntryLateArrival EntryKind = "late_arrival"
	// EntryLatePrinted: such a piece could not be stopped.
	EntryLatePrinted EntryKind = "late_printed"
	// EntryLateAnswer: a vendor's answer came when its send had been given up.
	EntryLateAnswer EntryKind = "late_answer"
	// EntryTwiceAtVendor: two pieces are alive at one vendor under one reference.
	EntryTwiceAtVendor EntryKind = "twice_at_vendor"
	// EntryTwinDead: one of such two will be no paper. It is no incident.
	EntryTwinDead EntryKind = "twin_dead"
	// EntryCancelTooLate: the vendor's window to cancel had closed.
	EntryCancelTooLate EntryKind = "cancel_too_late"
	// EntryCancelWaits: nobody can ask the vendor to cancel.
	EntryCancelWaits EntryKind = "cancel_waits"
	// EntryMissing: the vendor does not know a piece that it had accepted.
	EntryMissing EntryKind = "missing"
	// EntryContradiction: the vendor takes back that a piece was mailed.
	EntryContradiction EntryKind = "contradiction"
	// EntryDoubtedAgain: an answer from before a restore was doubted again.
	EntryDoubtedAgain EntryKind = "doubted_again"
	// EntryUnwatched: the watch for a late arrival ended without an answer.
	EntryUnwatched EntryKind = "unwatched"
	// EntryAnswerParked: a vendor's answer has no place in the ledger.
	EntryAnswerParked EntryKind = "answer_parked"
	// EntryAnswerDropped: a person gave such an answer up.
	EntryAnswerDropped EntryKind = "answer_dropped"
	// EntryCallbackUnmatched: a callback is about a piece that the ledger does not know.
	EntryCallbackUnmatched EntryKind = "callback_unmatched"
	// EntryRecoveredBefore: a vendor shows recoveries that the ledger does not know of.
	EntryRecoveredBefore EntryKind = "recovered_before"
)

// The kinds of what people did, of callbacks, and of the ledger as a whole.
const (
	// EntryCancelWished: somebody wants the job stopped.
	EntryCancelWished EntryKind = "cancel_wished"
	// EntryCancelUnknown: whether the vendor canceled it is not known yet.
	EntryCancelUnknown EntryKind = "cancel_unknown"
	// EntryCanceled: the job has ended without a piece.
	EntryCanceled EntryKind = "canceled"
	// EntryReleased: a person gave a held job back to the workers.
	EntryReleased EntryKind = "released"
	// EntryDecided: a person decided about a held job.
	EntryDecided EntryKind = "decided"
	// EntryReopened: such a word was taken back.
	EntryReopened EntryKind = "reopened"
	// EntryAmended: a person changed the job.
	EntryAmended EntryKind = "amended"
	// EntryRemailed: a second piece was made on purpose, in the history of the first.
	EntryRemailed EntryKind = "remailed"
	// EntryReplayed: a replay handed the job over; the note names it.
	EntryReplayed EntryKind = "replayed"
	// EntryRecovered: what a replay had handed over was accepted, or the ledger was
	// recovered, where the entry is of no job.
	EntryRecovered EntryKind = "recovered"
	// EntryRecoveryLost: what a replay had brought to be accepted is so no more.
	EntryRecoveryLost EntryKind = "recovery_lost"
	// EntrySuspected: the ledger's history was broken, and the job may have been sent.
	EntrySuspected EntryKind = "suspected"
	// EntryErasing: the person is being erased.
	EntryErasing EntryKind = "erasing"
	// EntryErased: nothing of the person is left.
	EntryErased EntryKind = "erased"
	// EntryCallback: a callback was applied that told something new.
	EntryCallback EntryKind = "callback"
	// EntryCallbackKept: it was known, or older than what was.
	EntryCallbackKept EntryKind = "callback_kept"
	// EntryCanaryApproved: a campaign may go after its canary; the note names it.
	EntryCanaryApproved EntryKind = "canary_approved"
	// EntryCanaryWithdrawn: that was taken back.
	EntryCanaryWithdrawn EntryKind = "canary_withdrawn"
	// EntryEpochChanged: the database's history was broken; the note says by what.
	EntryEpochChanged EntryKind = "epoch_changed"
)
