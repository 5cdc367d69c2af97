package postgrid

import (
	"time"

	"github.com/postproof/postproof"
)

// capabilities states what PostGrid documents: "SDK" is the prose of its
// OpenAPI file as the official libraries carry it (github.com/postgrid/
// postgrid-python at 0b20a21c, postgrid-node at 48afd25f), "guide" a page of
// postgrid.readme.io. What neither says is marked and taken in the cautious way.
func capabilities(keyed bool) *postproof.Capabilities {
	return &postproof.Capabilities{
		Vendor:      Name,
		Idempotency: idempotency(keyed),
		// SDK, of search: a quoted string "will return resources that have that
		// string present somewhere in their response". Nothing is said about how
		// soon, nor of the structured search of one field that there is, too:
		// {"metadata.name": "value"} (StructuredSearchQuery of openapi.yaml).
		Lookup: postproof.Lookup{ByRef: true, Settle: postproof.MinSettle},
		// guide "order tracking & cancellation": an order can be canceled while it
		// is ready, until 12:00 AM Eastern. SDK, of sendDate: "if this is a date on
		// Tuesday, the order will transition to printing on Wednesday at midnight
		// eastern time"; the default is the time of creation. A later send date
		// keeps the window open for longer: Scheduled goes by the midnight before it,
		// which is the earlier reading. The margin is ours.
		Cancel: postproof.CancelWindow{
			Supported: true,
			Cutoff:    24 * time.Hour, CutoffZone: "America/New_York",
			Margin: 30 * time.Minute, Scheduled: true,
		},
		// guide "tracking": what is canceled "will never be sent out"; only what has
		// the status ready can be, by whomever.
		NoPaper:   []string{statusCanceled},
		Callbacks: callbacks(),
		// Callbacks have to be set up in the account, so a slow poll stands behind
		// them.
		Poll:   12 * time.Hour,
		Pieces: pieces(),
		// guide "getting started": print guidelines for these. Others are "Intl.",
		// of which there is no list.
		Countries:   []string{"US", "CA", "GB", "AU"},
		ModeFromKey: true,
		// No lengths, file sizes and rates are stated.
	}
}

func idempotency(keyed bool) postproof.Idempotency {
	if !keyed {
		// SDK: the header idempotency-key is declared for campaigns and mailing
		// lists, and not for orders. The first library (postgrid-python at 36a5e45a)
		// sent it with any request, and its one test is of contacts.
		return postproof.Idempotency{Kind: postproof.IdempotencyNone}
	}
	return postproof.Idempotency{
		Kind:   postproof.IdempotencyKey,
		MinLen: 1,
		// Unverified, by users' reports: "will not create a duplicate within 24
		// hrs", and the answer is the first order, whatever the body.
		Window: 24 * time.Hour,
		Margin: time.Hour,
		Replay: postproof.ReplaySameBody,
	}
}

// callbacks states what the SDK says of webhooks, and how long a stage may
// take by the guide "tracking your orders". To each comes a callback that is
// late by its retries.
func callbacks() postproof.Callbacks {
	// SDK: "retry the webhook up to 3 times. First, after 1 hour, then 2 hours,
	// then 4 hours".
	const retries = (1 + 2 + 4) * time.Hour
	const day = 24 * time.Hour
	return postproof.Callbacks{
		Auth: postproof.CallbackSigned,
		// In the body, which is signed as a whole. The token in PostGrid's first library
		// has none: such an event is told from others by what it shows.
		EventIDs: true,
		CarryRef: true, // the order with its metadata
		// SDK: an order shows its markup, html of a letter, frontHTML and backHTML of a
		// postcard, and no length of it is stated. Unverified: room for two sides of 2 MB
		// with pictures in them, and for what a token makes longer.
		MaxBytes: 8 << 20,
		// SDK: "You must respond with a 200 status". How long it waits is not said.
		AnswerStatus: 200,
		RetryFor:     retries,
		Patience: map[postproof.Stage]time.Duration{
			// Printed at the first midnight, unless there is a send date.
			postproof.StageAccepted: day + 5*time.Hour + retries,
			postproof.StageRendered: day + 5*time.Hour + retries,
			// "2 business days", over a long weekend.
			postproof.StageInProduction: 5*day + retries,
			// Scans "may lag up to 5 days". That the first comes within two days of
			// the handing over is not said.
			postproof.StageMailed: 7*day + retries,
			// First class takes up to five days by the postal service's standard;
			// the scan lags as before.
			postproof.StageInTransit: 10*day + retries,
			// "Within a day".
			postproof.StageOutForDelivery: 6*day + retries,
		},
	}
}

func pieces() []postproof.PieceSupport {
	// SDK: all orders share the list of mailing classes. That postcards and
	// self-mailers can be certified is not said anywhere but there.
	bulk := []postproof.MailClass{postproof.FirstClass, postproof.Marketing}
	// A PDF would be one file of two pages; a job has one for each side.
	content := []postproof.ContentKind{postproof.ContentHTML, postproof.ContentTemplate}
	return []postproof.PieceSupport{
		{
			Kind:    postproof.KindPostcard,
			Sizes:   []postproof.Size{postproof.Size4x6(), postproof.Size6x9(), postproof.Size6x11()},
			Classes: bulk, Content: content,
		},
		{
			Kind:  postproof.KindLetter,
			Sizes: []postproof.Size{postproof.SizeUSLetter(), SizeA4()},
			Classes: []postproof.MailClass{
				postproof.FirstClass, postproof.Marketing, postproof.Certified,
				postproof.CertifiedReturnReceipt, postproof.Registered,
			},
			Content: []postproof.ContentKind{postproof.ContentHTML, postproof.ContentPDF, postproof.ContentTemplate},
		},
		{
			Kind: postproof.KindSelfMailer,
			// There is an 8.5x11_trifold, too, of the same edges.
			Sizes:   []postproof.Size{Size8x11Bifold(), Size9x16Trifold()},
			Classes: bulk, Content: content,
		},
	}
}

// SizeA4 is a letter sheet of 210 by 297 mm.
func SizeA4() postproof.Size {
	return postproof.Size{Name: "a4", Short: postproof.Millimeters(210), Long: postproof.Millimeters(297)}
}

// Size8x11Bifold is a self-mailer of 8.5 by 11 inches, folded once.
func Size8x11Bifold() postproof.Size {
	return postproof.Size{Name: "8.5x11_bifold", Short: postproof.Inches(8.5), Long: postproof.Inches(11)}
}

// Size9x16Trifold is a self-mailer of 9.5 by 16 inches, folded twice.
func Size9x16Trifold() postproof.Size {
	return postproof.Size{Name: "9.5x16_trifold", Short: postproof.Inches(9.5), Long: postproof.Inches(16)}
}

// sizeName is how PostGrid writes a size of ours: the width first.
func sizeName(s postproof.Size) string {
	switch {
	case s.Same(postproof.Size4x6()):
		return "6x4"
	case s.Same(postproof.Size6x9()):
		return "9x6"
	case s.Same(postproof.Size6x11()):
		return "11x6"
	default:
		return s.Name
	}
}

// sizeKey returns PostGrid's name of a size, which callers may call by another.
func sizeKey(caps *postproof.Capabilities, kind postproof.PieceKind, size postproof.Size) string {
	for _, p := range caps.Pieces {
		for _, s := range p.Sizes {
			if p.Kind == kind && s.Same(size) {
				return sizeName(s)
			}
		}
	}
	return ""
}

// sizeOf is the reverse: zero when the name is not one of ours.
func sizeOf(caps *postproof.Capabilities, kind postproof.PieceKind, name string) postproof.Size {
	for _, p := range caps.Pieces {
		for _, s := range p.Sizes {
			if p.Kind == kind && sizeName(s) == name {
				return s
			}
		}
	}
	return postproof.Size{}
}

// classKey returns PostGrid's name of a class: those that are not bound to one
// country's postal service.
func classKey(c postproof.MailClass) string {
	if c == postproof.Marketing {
		return "standard_class"
	}
	return string(c)
}

// classOf is the reverse; an order may come back under the postal service's
// own name. Empty when it is none of ours.
func classOf(name string) postproof.MailClass {
	switch name {
	case "first_class", "usps_first_class":
		return postproof.FirstClass
	case "standard_class", "usps_standard_class":
		return postproof.Marketing
	case "certified", "usps_first_class_certified":
		return postproof.Certified
	case "certified_return_receipt", "usps_first_class_certified_return_receipt":
		return postproof.CertifiedReturnReceipt
	case "registered", "usps_first_class_registered":
		return postproof.Registered
	default:
		return ""
	}
}
