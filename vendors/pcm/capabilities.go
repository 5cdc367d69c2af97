package pcm

import (
	"time"

	"github.com/postproof/postproof"
)

// capabilities states what PCM documents in its OpenAPI file "DirectMail API
// v3" (docs.pcmintegrations.com); "docs" below is the prose in it. What it
// does not say is marked and taken in the cautious way.
func capabilities() *postproof.Capabilities {
	return &postproof.Capabilities{
		Vendor: Name,
		Idempotency: postproof.Idempotency{
			Kind: postproof.IdempotencyRef,
			// docs: 409 "Specified external reference number was duplicated for
			// this order". Neither its length nor an end of its uniqueness is
			// stated, nor that other fields are compared.
			MinLen: 1,
			Replay: postproof.ReplayConflict,
		},
		// GET /order?extRefNbr=. Nothing is said about how soon.
		Lookup: postproof.Lookup{ByRef: true, Settle: postproof.MinSettle},
		// docs: "After 11:30 PM EST there is no way to cancel because the order
		// is automatically sent to press". EST may be meant loosely, so that in
		// summer the cut-off comes an hour earlier: the margin covers that.
		Cancel: postproof.CancelWindow{
			Supported: true,
			Cutoff:    23*time.Hour + 30*time.Minute, CutoffZone: "EST",
			Margin: 75 * time.Minute,
			// docs: with a mailDate the order waits for the batch of that day.
			Scheduled: true,
		},
		// Canceled is our wish or the owner's. Undeliverable is found when the
		// batch is made up (docs, of batches: "None of the recipients for this
		// batch are deliverable"), so an order of one recipient has no paper.
		// Failed is not listed: "Something went wrong on our end. We're looking
		// into it".
		NoPaper: []string{orderCanceled, orderUndeliverable},
		// The only webhooks of the docs bring orders in; no status comes out.
		Callbacks: postproof.Callbacks{Auth: postproof.CallbackNone},
		// Batches go once a day.
		Poll:      6 * time.Hour,
		Pieces:    pieces(),
		Countries: []string{"US"}, // there is no country field
	}
}

func pieces() []postproof.PieceSupport {
	classes := []postproof.MailClass{postproof.FirstClass, postproof.Marketing}
	return []postproof.PieceSupport{
		{
			Kind: postproof.KindPostcard,
			Sizes: []postproof.Size{
				postproof.Size4x6(), Size4x6Bleed(), Size6x8(), postproof.Size6x9(), postproof.Size6x11(),
			},
			Classes: classes,
			Content: []postproof.ContentKind{postproof.ContentHTML, postproof.ContentPDF, postproof.ContentImages, postproof.ContentTemplate},
			// docs: the two small sizes are First Class only.
			ClassSizes: map[postproof.MailClass][]string{postproof.Marketing: {"6x8.5", "6x9", "6x11"}},
			URLOnly:    true, // the API has no uploads
		},
		{
			Kind:    postproof.KindLetter,
			Sizes:   []postproof.Size{postproof.SizeUSLetter()},
			Classes: classes,
			Content: []postproof.ContentKind{postproof.ContentHTML, postproof.ContentPDF, postproof.ContentTemplate},
			URLOnly: true,
		},
	}
}

// Size4x6Bleed is PCM's postcard "46", 4.25 by 6 inches; its "46S" is the 4 by
// 6 inches of the others.
func Size4x6Bleed() postproof.Size {
	return postproof.Size{Name: "4.25x6", Short: postproof.Inches(4.25), Long: postproof.Inches(6)}
}

// Size6x8 is PCM's postcard "68", 6 by 8.5 inches.
func Size6x8() postproof.Size {
	return postproof.Size{Name: "6x8.5", Short: postproof.Inches(6), Long: postproof.Inches(8.5)}
}

// sizeKey returns PCM's name of a postcard size.
func sizeKey(s postproof.Size) string {
	switch {
	case s.Same(postproof.Size4x6()):
		return "46S"
	case s.Same(Size4x6Bleed()):
		return "46"
	case s.Same(Size6x8()):
		return "68"
	case s.Same(postproof.Size6x9()):
		return "69"
	case s.Same(postproof.Size6x11()):
		return "611"
	default:
		return ""
	}
}
