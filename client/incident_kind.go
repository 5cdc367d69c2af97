package client

import (
	"slices"

	"github.com/postproof/postproof/idempotency"
)

// IncidentKind is what an incident is: the Kind of its entry in the history.
type IncidentKind string

// The kinds of incidents.
const (
	IncidentLateArrival       = IncidentKind(idempotency.EntryLateArrival)
	IncidentLatePrinted       = IncidentKind(idempotency.EntryLatePrinted)
	IncidentLateAnswer        = IncidentKind(idempotency.EntryLateAnswer)
	IncidentTwiceAtVendor     = IncidentKind(idempotency.EntryTwiceAtVendor)
	IncidentCancelTooLate     = IncidentKind(idempotency.EntryCancelTooLate)
	IncidentCancelWaits       = IncidentKind(idempotency.EntryCancelWaits)
	IncidentMissing           = IncidentKind(idempotency.EntryMissing)
	IncidentContradiction     = IncidentKind(idempotency.EntryContradiction)
	IncidentDoubtedAgain      = IncidentKind(idempotency.EntryDoubtedAgain)
	IncidentUnwatched         = IncidentKind(idempotency.EntryUnwatched)
	IncidentAnswerParked      = IncidentKind(idempotency.EntryAnswerParked)
	IncidentAnswerDropped     = IncidentKind(idempotency.EntryAnswerDropped)
	IncidentCallbackUnmatched = IncidentKind(idempotency.EntryCallbackUnmatched)
	IncidentRecoveredBefore   = IncidentKind(idempotency.EntryRecoveredBefore)
)

// IncidentKinds returns all that this version writes.
func IncidentKinds() []IncidentKind {
	return []IncidentKind{
		IncidentLateArrival,
		IncidentLatePrinted,
		IncidentLateAnswer,
		IncidentTwiceAtVendor,
		IncidentCancelTooLate,
		IncidentCancelWaits,
		IncidentMissing,
		IncidentContradiction,
		IncidentDoubtedAgain,
		IncidentUnwatched,
		IncidentAnswerParked,
		IncidentAnswerDropped,
		IncidentCallbackUnmatched,
		IncidentRecoveredBefore,
	}
}

// Meaning says in one sentence what happened, and, where there is something to do, what.
func (k IncidentKind) Meaning() string {
	switch k {
	case IncidentLateArrival:
		return "A piece turned up at a vendor that was thought not to have it. It is canceled there if there is still time."
	case IncidentLatePrinted:
		return "A piece that turned up late could not be stopped: two pieces may be printed."
	case IncidentLateAnswer:
		return "A vendor's answer came when its send had been given up. It is in the ledger."
	case IncidentTwiceAtVendor:
		return "Two pieces are alive at one vendor under one reference: have the vendor stop one."
	case IncidentCancelTooLate:
		return "A cancellation was wished and the vendor's window had closed: the piece is printed."
	case IncidentCancelWaits:
		return "A cancellation was wished and nobody can ask the vendor: give the workers its credentials while there is time."
	case IncidentMissing:
		return "The vendor does not know a piece that it had accepted: ask it."
	case IncidentContradiction:
		return "The vendor says that there is no paper, after it said that the piece was mailed: ask it."
	case IncidentDoubtedAgain:
		return "An answer from before a restore was doubted again; it is looked up."
	case IncidentUnwatched:
		return "The watch for a late arrival ended, and its last look had no answer: look at the vendor's side for the reference."
	case IncidentAnswerParked:
		return "A vendor's answer has no place in the ledger, as after a restore. It is kept in the spool and tried again."
	case IncidentAnswerDropped:
		return "Somebody gave a parked answer up."
	case IncidentCallbackUnmatched:
		return "A callback is about a piece that the ledger does not know: audit that vendor."
	case IncidentRecoveredBefore:
		return "A vendor shows recoveries that the ledger does not know of: it had been restored before. What is in doubt is looked up further."
	default:
		return "An incident of a newer version."
	}
}

// incidentKinds are those whose entries a person should look at, as a store knows them. A
// test compares them with all that are written.
func incidentKinds() []idempotency.EntryKind {
	kinds := IncidentKinds()
	entries := make([]idempotency.EntryKind, len(kinds))
	for i, k := range kinds {
		entries[i] = idempotency.EntryKind(k)
	}
	return entries
}

// isIncident reports whether a person should look at an entry of the kind.
func isIncident(kind idempotency.EntryKind) bool {
	return slices.Contains(IncidentKinds(), IncidentKind(kind))
}
