package lob

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/signature"
)

// eventPrefix opens the id of an event.
const eventPrefix = "evt_"

var (
	errCallback = errors.New("the body is no event of Lob's")
	errOther    = errors.New("the event's type, reference and body are not about the same piece")
)

// NewVerifier implements [vendors.CallbackVerifier], with the secrets of one
// webhook; each webhook of the dashboard has its own. A callback that is
// refused gives one of the errors of package signature.
func (a *Adapter) NewVerifier(secrets ...string) (vendors.Verifier, error) {
	// Neither the names of the headers nor the formula are in the docs that can
	// be read; all public code that verifies agrees on them. The time is in
	// milliseconds there, and in seconds in some: the scheme takes both.
	v, err := signature.TimestampedHMAC{
		Header: "Lob-Signature", TimestampHeader: "Lob-Signature-Timestamp", Tolerance: a.tolerance,
	}.NewVerifier(secrets...)
	if err != nil {
		return nil, refusedCallback(err)
	}
	return v, nil
}

func refusedCallback(err error) error {
	return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Vendor: Name, Op: "callback", Err: err}
}

// ParseCallback implements [vendors.CallbackParser]. A callback of Lob's holds
// one event. Events about checks, addresses and bank accounts, none of which
// this package makes, name no piece; neither do those of a resource that it
// does not know.
//
// An event about a piece that says nothing of the way to the recipient (a
// thumbnail, a view, a reply envelope, an email of the postal service, a type
// of tomorrow) has the piece and no stage.
func (a *Adapter) ParseCallback(_ http.Header, body []byte) ([]*vendors.Notice, error) {
	n, err := parseEvent(bytes.Clone(body), a.caps) // the notice outlives the receiver's buffer
	if err != nil {
		return nil, refusedCallback(err)
	}
	return []*vendors.Notice{n}, nil
}

func parseEvent(raw []byte, caps *postproof.Capabilities) (*vendors.Notice, error) {
	var room, typeRoom [mostPairs]member
	o, err := parseObject(raw, room[:0])
	if err != nil {
		return nil, errCallback
	}
	id, kind := o.text("id"), vendors.Word(o.object("event_type", typeRoom[:0]).text("id"))
	resource, what, dotted := strings.Cut(kind, ".")
	if !o.is("object", "event") || vendors.Word(id) == "" || !strings.HasPrefix(id, eventPrefix) || !dotted || resource == "" || what == "" {
		return nil, errCallback
	}
	n := &vendors.Notice{Event: postproof.Event{
		ID: id, Vendor: Name, Raw: raw,
		Status: postproof.Status{Raw: kind, Source: postproof.SourceCallback, Confidence: postproof.Reported, VendorTime: o.time("date_created")},
	}}
	p, ok := productOfObject(resource)
	if !ok {
		return n, nil
	}
	ref := o.text("reference_id")
	if of, known := productOf(ref); !known || of != p {
		return nil, errOther
	}
	n.Event.VendorID = ref
	var pieceRoom [mostMembers]member
	piece := o.object("body", pieceRoom[:0])
	if piece.is("id", ref) {
		n.Order = orderOf(p, piece, o.raw("body"), caps)
	} else if piece.text("id") != "" && progress(what) {
		return nil, errOther
	}
	if n.Order != nil {
		n.Event.Ref, n.Event.Mode = n.Order.Receipt.Ref, n.Order.Mode
	}
	statusOfType(&n.Event.Status, what, piece)
	return n, nil
}

func productOfObject(name string) (product, bool) {
	for _, p := range products() {
		if p.object == name {
			return p, true
		}
	}
	return product{}, false
}

// orderOf returns the piece in an event's body, nil when it shows no more than
// an id.
func orderOf(p product, piece object, raw []byte, caps *postproof.Capabilities) *vendors.Order {
	order, err := readOrder(p, piece, raw, caps)
	if err != nil {
		return nil
	}
	order.Status.Source = postproof.SourceCallback
	return order
}

// scanned returns what the tracking event is called that an event's type is
// about, and whether it is one of certified mail.
func scanned(what string) (name string, certified bool) {
	what, certified = strings.CutPrefix(what, "certified.")
	switch what {
	case "mailed":
		name = "Mailed"
	case "in_transit":
		name = "In Transit"
	case "in_local_area":
		name = "In Local Area"
	case "processed_for_delivery":
		name = "Processed for Delivery"
	case "delivered":
		name = "Delivered"
	case "re-routed", "re_routed": // the schema has both, for different resources
		name = "Re-Routed"
	case "returned_to_sender":
		name = "Returned to Sender"
	case "international_exit":
		name = "International Exit"
	case "pickup_available":
		name = "Pickup Available"
	case "issue":
		name = "Issue"
	}
	return name, certified
}

// progress reports whether the type moves the piece.
func progress(what string) bool {
	name, _ := scanned(what)
	switch what {
	case "created", "rejected", "rendered_pdf", "deleted", statusFailed:
		return true
	default:
		return name != ""
	}
}

// statusOfType fills in what the event's type says. VendorTime comes in as the
// time of the event; a scan replaces it by its own, which is the one that a
// look at the piece gives.
func statusOfType(s *postproof.Status, what string, piece object) {
	if name, certified := scanned(what); name != "" {
		scan, at := scanOf(piece, name, certified)
		of := statusOfEvent(scan)
		s.Stage, s.Confidence, s.Reason = of.Stage, of.Confidence, of.Reason
		if !at.IsZero() {
			s.VendorTime = at
		}
		return
	}
	switch what {
	case "created":
		s.Stage = postproof.StageAccepted
	case "rendered_pdf":
		s.Stage = postproof.StageRendered
	case "deleted":
		s.Stage, s.Raw = postproof.StageCanceled, rawDeleted
	case "rejected":
		// "Not successfully created": of a batch, that is. Whether its id can be
		// that of a piece which was accepted later is not said, so the raw status
		// is not among those that mean no paper.
		s.Stage, s.Reason = postproof.StageFailed, "rejected when it was to be created"
	case statusFailed:
		// "Rendering error or tracking event": only the first proves that there
		// is no paper, and only the piece itself says that it is the first.
		s.Stage = postproof.StageFailed
		if piece.is("status", statusFailed) {
			s.Raw, s.Reason = statusFailed, failureReason(piece)
		}
	}
}

// scanOf returns the newest scan of the name; a piece without one is taken at
// the type's word.
func scanOf(piece object, name string, certified bool) (scan trackingEvent, at time.Time) {
	scan, at, ok := latestEvent(piece, name)
	if !ok {
		scan.name = name
	}
	scan.certified = scan.certified || certified
	return scan, at
}
