package postgrid

import (
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// The statuses of an order. PostGrid writes cancelled with two l.
const (
	statusReady      = "ready"
	statusPrinting   = "printing"
	statusProcessed  = "processed_for_delivery"
	statusCompleted  = "completed"
	statusCanceled   = "cancelled"
	reasonByUser     = "user_initiated"
	imbEntered       = "entered_mail_stream"
	imbOutForDeliver = "out_for_delivery"
	imbReturned      = "returned_to_sender"
)

// statusOf returns where the piece is, and whether it will never be printed.
// An order has two axes that move by themselves: its status, which PostGrid
// sets, and the last scan of its barcode, which exists for pieces printed and
// destined in the US, and may lag by days. The one of the higher rank rules.
//
// A scan proves paper: an order that is canceled and scanned is not dead.
func statusOf(o vendors.Object) (status postproof.Status, dead bool) {
	status = orderStatus(o)
	scan, scanned := scanOf(o)
	if !scanned {
		return status, status.Raw == statusCanceled
	}
	raw := status.Raw + "/" + scan.Raw
	if status.Raw == statusCanceled || scan.Stage.Rank() > status.Stage.Rank() {
		status = scan
	}
	status.Raw = raw
	return status, false
}

func orderStatus(o vendors.Object) postproof.Status {
	s := postproof.Status{Raw: vendors.Word(o.Text("status")), Confidence: postproof.Reported, VendorTime: o.Time("updatedAt")}
	switch s.Raw {
	case statusPrinting:
		s.Stage = postproof.StageInProduction
	case statusProcessed: // handed to the postal service
		s.Stage = postproof.StageMailed
	case statusCompleted:
		// SDK: "most likely delivered"; "an approximation".
		s.Stage, s.Confidence = postproof.StageDelivered, postproof.Estimated
	case statusCanceled:
		s.Reason = vendors.Word(o.Object("cancellation").Text("reason"))
		s.Stage = postproof.StageFailed // invalid_content, invalid_order_mailing_class
		if s.Reason == "" || s.Reason == reasonByUser {
			s.Stage = postproof.StageCanceled
		}
	case statusReady:
		s.Stage = postproof.StageAccepted
		if o.Text("url") != "" {
			s.Stage = postproof.StageRendered // SDK: url comes with the preview
		} else if created := o.Time("createdAt"); !created.IsZero() {
			s.VendorTime = created
		}
	default: // absent, or a status of a newer version: it has the order, no more
		s.Stage = postproof.StageAccepted
	}
	return s
}

// scanOf returns the last scan, false when there is none.
func scanOf(o vendors.Object) (postproof.Status, bool) {
	s := postproof.Status{Raw: vendors.Word(o.Text("imbStatus")), Confidence: postproof.Scanned, VendorTime: dateOf(o, "imbDate")}
	switch s.Raw {
	case "":
		return s, false
	case imbEntered:
		s.Stage = postproof.StageInTransit
	case imbOutForDeliver:
		s.Stage = postproof.StageOutForDelivery
	case imbReturned:
		s.Stage = postproof.StageReturned
	default: // a scan of a newer version: it is in the mail, no more
		s.Stage, s.Confidence = postproof.StageMailed, postproof.Reported
	}
	return s, true
}

// dateOf reads a time, or a date alone: the form of imbDate is not documented.
func dateOf(o vendors.Object, name string) time.Time {
	if t := o.Time(name); !t.IsZero() {
		return t
	}
	t, err := time.Parse(time.DateOnly, o.Text(name))
	if err != nil {
		return time.Time{}
	}
	return t
}
