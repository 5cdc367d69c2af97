package pcm

import "github.com/postproof/postproof"

// The order statuses after which there is no paper. Note the single l.
const (
	orderCanceled      = "Canceled"
	orderUndeliverable = "Undeliverable"
)

// statusOf returns where an order is, and whether it will never be printed.
// Only the order itself can say the latter. While it lives, the status of its
// batch, where known, is the finer one.
func statusOf(order, batch string) (status postproof.Status, dead bool) {
	s := postproof.Status{Raw: order, Confidence: postproof.Reported}
	switch order {
	case orderCanceled:
		s.Stage = postproof.StageCanceled
		return s, true
	case orderUndeliverable:
		s.Stage, s.Reason = postproof.StageFailed, "the address is undeliverable"
		return s, true
	case "Processing", "Processed":
		s.Stage = postproof.StageInProduction
	case "Delivered":
		s.Stage = postproof.StageOutForDelivery
	default: // Pending, and whatever a newer version says: it has the order, no more
		s.Stage = postproof.StageAccepted
	}
	if batch == "" {
		return s, false
	}
	s.Raw = order + "/" + batch
	finer := postproof.Stage("")
	switch batch {
	case "Pending Payment", "Failed Payment":
		s.Stage = postproof.StageOnHold
		s.Reason = "the batch is not paid"
		return s, false
	case "Failed", orderCanceled, orderUndeliverable:
		// The vendor is "looking into it", or the order has not followed its
		// batch yet. Neither says that nothing was printed.
		s.Stage = postproof.StageOnHold
		s.Reason = "the batch has a problem"
		return s, false
	case "Processing":
		finer = postproof.StageInProduction
	case "Mailing":
		finer = postproof.StageMailed
	case "Complete": // listed without a meaning
		finer = postproof.StageMailed
	case "Delivered":
		// docs: "scanned by the last postal facility and will start hitting
		// mailboxes".
		finer = postproof.StageOutForDelivery
	}
	if finer.Rank() > s.Stage.Rank() {
		s.Stage = finer
		if batch == "Complete" {
			s.Confidence = postproof.Estimated
		}
	}
	return s, false
}
