package vendorsim

// Boundary is a point of a request, or of a callback, at which a fault can
// strike. Its part before the dot says which requests.
type Boundary string

// The boundaries of a submission.
const (
	// SendRefuse closes the connection before the request is read, where the
	// reference is in its header, else before it is processed. Nothing is
	// accepted.
	SendRefuse Boundary = "send.refuse"
	// SendLate holds the request until the client has gone, or for the rule's
	// delay, and accepts it then.
	SendLate Boundary = "send.late"
	// SendLost accepts, and resets the connection instead of answering.
	SendLost Boundary = "send.lost"
	// SendCut accepts, and cuts the answer short of its declared length.
	SendCut Boundary = "send.cut"
	// SendErrorBefore answers 500 and accepts nothing.
	SendErrorBefore Boundary = "send.error_before"
	// SendErrorAfter accepts and answers 500.
	SendErrorAfter Boundary = "send.error_after"
	// SendSlow accepts, and answers after the rule's delay.
	SendSlow Boundary = "send.slow"
	// SendThrottle answers 429 with Retry-After and accepts nothing.
	SendThrottle Boundary = "send.throttle"
	// SendLateFailure accepts, and finds after the rule's delay on the
	// simulator's clock that the piece cannot be printed: it is voided. It
	// strikes accepted pieces, beside any other boundary.
	SendLateFailure Boundary = "send.late_failure"
)

// The boundaries of a cancellation.
const (
	CancelRefuse      Boundary = "cancel.refuse"
	CancelErrorBefore Boundary = "cancel.error_before"
	CancelThrottle    Boundary = "cancel.throttle"
	CancelSlow        Boundary = "cancel.slow"
	// CancelLost cancels, and resets the connection instead of answering.
	CancelLost Boundary = "cancel.lost"
	// CancelErrorAfter cancels and answers 500.
	CancelErrorAfter Boundary = "cancel.error_after"
	// CancelCutoff answers that it is too late although the window is open, as
	// happens at the cut-off.
	CancelCutoff Boundary = "cancel.cutoff"
)

// The boundaries of reading one order.
const (
	ReadRefuse   Boundary = "read.refuse"
	ReadError    Boundary = "read.error"
	ReadCut      Boundary = "read.cut"
	ReadSlow     Boundary = "read.slow"
	ReadThrottle Boundary = "read.throttle"
)

// The boundaries of lists and look-ups by reference.
const (
	ListRefuse   Boundary = "list.refuse"
	ListError    Boundary = "list.error"
	ListCut      Boundary = "list.cut"
	ListSlow     Boundary = "list.slow"
	ListThrottle Boundary = "list.throttle"
	// ListEmpty answers an empty list. No protocol can tell it from absence, so
	// the preset leaves it to [OutageEmpty].
	ListEmpty Boundary = "list.empty"
	// ListLag hides an order from lists for the rule's delay, on the
	// simulator's clock, after its acceptance. It strikes orders: the draw is
	// made once, at acceptance.
	ListLag Boundary = "list.lag"
	// ListUnfiltered ignores the filter and lists everything.
	ListUnfiltered Boundary = "list.unfiltered"
	// ListOtherMode adds orders of the other mode to the list.
	ListOtherMode Boundary = "list.other_mode"
)

// The boundaries of the login and of authenticated requests.
const (
	LoginRefuse Boundary = "login.refuse"
	LoginError  Boundary = "login.error"
	// AuthExpired answers 401 to a token that is still good. Nothing is
	// accepted. The reference is that of the piece.
	AuthExpired Boundary = "auth.expired"
)

// The boundaries of callbacks. A fault is drawn once for each event, under the
// reference of its piece; the first event of a piece is its first occurrence.
// Delays are on the simulator's clock.
const (
	// CallbackLost never sends the event: only who asks will know.
	CallbackLost Boundary = "callback.lost"
	// CallbackTwice sends it again, the rule's delay after it was acknowledged.
	CallbackTwice Boundary = "callback.twice"
	// CallbackLate sends it the rule's delay too late.
	CallbackLate Boundary = "callback.late"
	// CallbackDisorder sends it the rule's delay after the next event about the
	// piece. It strikes events that have a next one.
	CallbackDisorder Boundary = "callback.disorder"
	// CallbackEarly sends the news of a piece's creation, and waits for the
	// answer to it, before the creation is answered.
	CallbackEarly Boundary = "callback.early"
	// CallbackBatch holds the event until the next multiple of the rule's delay,
	// so that it travels with others. It strikes where the vendor puts several
	// events into one callback.
	CallbackBatch Boundary = "callback.batch"
)

// Boundaries returns all boundaries.
func Boundaries() []Boundary {
	return []Boundary{
		SendRefuse, SendLate, SendLost, SendCut, SendErrorBefore, SendErrorAfter, SendSlow, SendThrottle, SendLateFailure,
		CancelRefuse, CancelErrorBefore, CancelThrottle, CancelSlow, CancelLost, CancelErrorAfter, CancelCutoff,
		ReadRefuse, ReadError, ReadCut, ReadSlow, ReadThrottle,
		ListRefuse, ListError, ListCut, ListSlow, ListThrottle, ListEmpty, ListLag, ListUnfiltered, ListOtherMode,
		LoginRefuse, LoginError, AuthExpired,
		CallbackLost, CallbackTwice, CallbackLate, CallbackDisorder, CallbackEarly, CallbackBatch,
	}
}

// op is the kind of a request.
type op string

const (
	opSend   op = "send"
	opCancel op = "cancel"
	opRead   op = "read"
	opList   op = "list"
	opLogin  op = "login"
	opAuth   op = "auth"
)

// opCallback opens the names of the boundaries of callbacks. It is no kind of
// request that an API has to tell apart.
const opCallback = "callback"

func (b Boundary) op() op {
	for i := range b {
		if b[i] == '.' {
			return op(b[:i])
		}
	}
	return ""
}

// ofOrder reports whether the boundary is drawn for an accepted order and not
// for an answer.
func (b Boundary) ofOrder() bool { return b == SendLateFailure || b == ListLag }

// Outage is a way in which a whole vendor can be out.
type Outage string

// The outages. Nothing is accepted in any but [OutagePartial].
const (
	// OutageError answers 503 to everything.
	OutageError Outage = "error"
	// OutageRefuse closes every connection.
	OutageRefuse Outage = "refuse"
	// OutageHang answers nothing until the client goes.
	OutageHang Outage = "hang"
	// OutagePartial answers 503, but has accepted about every second submission.
	OutagePartial Outage = "partial"
	// OutageEmpty answers 200: reads find nothing, lists are empty, and writes
	// have an empty body.
	OutageEmpty Outage = "empty"
	// OutagePayment answers everything, but no batch goes to press (PCM):
	// payment is pending.
	OutagePayment Outage = "payment"
)

// Outages returns all kinds of outage.
func Outages() []Outage {
	return []Outage{OutageError, OutageRefuse, OutageHang, OutagePartial, OutageEmpty, OutagePayment}
}
