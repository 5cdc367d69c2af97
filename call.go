package postproof

// Op names an operation at a vendor. It stands in errors, spans and metrics.
type Op string

// The operations of the vendors known so far. An adapter may add reads of its own:
// what is not named here is in the group of reads.
const (
	OpSubmit Op = "submit"
	OpGet    Op = "get"
	OpLookUp Op = "look_up"
	OpCancel Op = "cancel"
	OpList   Op = "list"
	OpEvents Op = "events"
	OpLogin  Op = "login"

	// OpPrepare is what goes before a submission and orders no paper by itself: an
	// upload, a draft, an address list, and the looks at whether they are ready.
	OpPrepare           Op = "prepare"
	OpListUndeliverable Op = "list_undeliverable"
)

// Group returns the breaker group of the operation: one of "submit", "read"
// and "cancel", so that a broken status API does not stop the mail.
func (o Op) Group() string {
	switch o {
	case OpSubmit, OpLogin, OpPrepare:
		return "submit"
	case OpCancel:
		return "cancel"
	default:
		return "read"
	}
}

// Repeat says whether a request may be sent again when nobody knows what
// became of it. The class decides together with the failure, never the HTTP
// status alone.
type Repeat int

// The repeat classes. The zero value is the cautious one.
const (
	// RepeatNever is a write that must not be repeated blindly.
	RepeatNever Repeat = 0
	// RepeatKeyed is a write that this vendor deduplicates by a key or a
	// reference, as long as the key's window is open.
	RepeatKeyed Repeat = 1
	// RepeatSafe is a read, or another request that does no harm twice: a login, an
	// upload that orders nothing.
	RepeatSafe Repeat = 2
)

// String returns the class as it appears in logs.
func (r Repeat) String() string {
	switch r {
	case RepeatNever:
		return "never"
	case RepeatKeyed:
		return "keyed"
	case RepeatSafe:
		return "safe"
	default:
		return "repeat(?)"
	}
}
