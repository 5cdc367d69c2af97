package idempotency

// State is where a job stands in the ledger. A state written by a newer
// version survives the round trip; this version does not touch such a record.
type State string

// The states. See the table in the package documentation for what may happen
// in each.
const (
	// Planned waits to be sent.
	Planned State = "planned"
	// Sending has a durable intent; bytes may be on their way.
	Sending State = "sending"
	// Unknown may or may not have been taken by the vendor.
	Unknown State = "unknown"
	// Refused was definitely not taken, and no other vendor can take it.
	Refused State = "refused"
	// Accepted is with a vendor; only its mail status moves.
	Accepted State = "accepted"
	// Held waits for a callback or a person.
	Held State = "held"
	// Canceled will not be printed.
	Canceled State = "canceled"
	// Done has reached its last mail status.
	Done State = "done"
)

// States returns all states in the order of a job's life.
func States() []State {
	return []State{Planned, Sending, Unknown, Refused, Accepted, Held, Canceled, Done}
}

// Final reports whether the machine has nothing more to do by itself. A
// refused job may still be amended, a finished one mailed again on purpose.
func (s State) Final() bool { return s == Canceled || s == Done || s == Refused }

// Known reports whether this version knows the state.
func (s State) Known() bool {
	switch s {
	case Planned, Sending, Unknown, Refused, Accepted, Held, Canceled, Done:
		return true
	default:
		return false
	}
}

// Workable reports whether a worker may claim a record in this state whenever
// it is due. In the others it may while a vendor is watched for a late arrival
// ([Record.WorkAt]).
func (s State) Workable() bool {
	switch s {
	case Planned, Sending, Unknown, Accepted:
		return true
	default:
		return false
	}
}

// HoldReason says why a job is held.
type HoldReason string

// The reasons.
const (
	// HoldCannotAsk: the vendor can neither be asked again nor looked up.
	HoldCannotAsk HoldReason = "cannot_ask_vendor"
	// HoldContentDiffers: the vendor has another piece under our reference, or the one
	// from before the job was amended.
	HoldContentDiffers HoldReason = "content_differs"
	// HoldDeadline: the state's deadline passed.
	HoldDeadline HoldReason = "deadline"
	// HoldVendorGone: the vendor or account is not configured any more.
	HoldVendorGone HoldReason = "vendor_not_configured"
	// HoldContradiction: the vendor says that there is no paper, after it said
	// that the piece was mailed.
	HoldContradiction HoldReason = "contradiction"
	// HoldGenerations: too many generations failed late.
	HoldGenerations HoldReason = "too_many_generations"
	// HoldCannotBuild: the request that was sent cannot be made again, as its body
	// cannot be built or its key is not to be trusted, and the vendor cannot be looked
	// up.
	HoldCannotBuild HoldReason = "cannot_rebuild_body"
	// HoldCanary: the campaign's canary waits for approval.
	HoldCanary HoldReason = "canary"
	// HoldCap: a spend or count cap was reached.
	HoldCap HoldReason = "cap"
	// HoldOperator: a person asked for it.
	HoldOperator HoldReason = "operator"
)

// deliberate reports whether somebody wanted the hold: news of a vendor does
// not end it with a new send.
func (h HoldReason) deliberate() bool {
	switch h {
	case HoldOperator, HoldCanary, HoldCap, HoldGenerations, HoldContradiction:
		return true
	default:
		return false
	}
}

// Policy says what to do when nobody can be asked.
type Policy string

// The policies.
const (
	// PreferLate holds the job: rather late, or never, than twice. The default.
	PreferLate Policy = ""
	// PreferDuplicate plans the job anew, once: a person has accepted the risk of
	// two pieces.
	PreferDuplicate Policy = "prefer_duplicate"
)
