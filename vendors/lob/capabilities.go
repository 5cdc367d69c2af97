package lob

import (
	"strings"
	"time"

	"github.com/postproof/postproof"
)

// capabilities states what Lob documents in its OpenAPI file (github.com/lob/
// lob-openapi at 539ed451, version 1.22.0); "docs" below is the prose in it.
// What it does not say is marked and taken in the cautious way.
func capabilities() *postproof.Capabilities {
	return &postproof.Capabilities{
		Vendor: Name,
		Idempotency: postproof.Idempotency{
			Kind:   postproof.IdempotencyKey,
			MinLen: 1, MaxLen: 256,
			// docs: "keys expire after 24 hours"; from when is not said.
			Window: 24 * time.Hour,
			Margin: time.Hour,
			Replay: postproof.ReplaySameBody,
			// docs: "the response object for the existing resource will be
			// returned", whatever the body.
			BodyCompared: false,
		},
		// By metadata. Nothing is said about how soon a piece can be found.
		Lookup: postproof.Lookup{ByRef: true, Settle: postproof.MinSettle},
		// docs: "all new accounts have a 5 minute cancellation window"; some
		// accounts can change it; a send_date overrides it: deleted before it is not printed.
		Cancel: postproof.CancelWindow{Supported: true, For: 5 * time.Minute, Margin: 30 * time.Second, Scheduled: true},
		// A failed rendering is the only failure with a status of its own; what
		// was deleted does not print.
		NoPaper:   []string{statusFailed, rawDeleted},
		Callbacks: callbacks(),
		// Callbacks are set up by hand in Lob's dashboard, so a slow poll stands
		// behind them.
		Poll:        12 * time.Hour,
		Pieces:      pieces(),
		Countries:   append([]string{"US"}, strings.Fields(countriesAbroad)...),
		ModeFromKey: true,
		Limits: postproof.Limits{
			Name: 40, Company: 40, Line1: 64, Line2: 64,
			Lines:     50, // code address_length_exceeds_limit
			City:      200,
			HTML:      9999, // "under 10,000 characters"
			FileBytes: 5e6,  // "no larger than 5MB"
			// 20 pairs, less the two of ours. docs: a key and a value are "less than" 40
			// and 500 characters in the prose, and "at most" in the schema.
			MetadataPairs: 18, MetadataKey: 39, MetadataValue: 499,
			SendAhead:      180 * 24 * time.Hour,
			VariablesBytes: 25000,
		},
		Rate: postproof.Rate{Requests: 150, Per: 5 * time.Second},
	}
}

// callbacks states what is documented of webhooks: an event has an id, and its
// body is the piece, metadata included, but for "deleted", whose body is an id.
// Any 2xx will do; how long Lob waits for it and goes on to try is not said.
func callbacks() postproof.Callbacks {
	const day = 24 * time.Hour
	return postproof.Callbacks{
		Auth: postproof.CallbackSigned, EventIDs: true, CarryRef: true,
		// docs of "Processed for Delivery": in the mailbox within one business
		// day, which a holiday after a weekend makes four. No other stage has a
		// time; the rest are about twice what the mail takes, since to ask too
		// early costs one request. A piece with a send date, or of test mode, is
		// asked for in vain now and then.
		Patience: map[postproof.Stage]time.Duration{
			postproof.StageAccepted:        6 * time.Hour,
			postproof.StageRendered:        7 * day,
			postproof.StageMailed:          5 * day,
			postproof.StageInTransit:       5 * day,
			postproof.StageReRouted:        7 * day,
			postproof.StageInLocalArea:     4 * day,
			postproof.StageOutForDelivery:  4 * day,
			postproof.StagePickupAvailable: 7 * day,
			postproof.StageIssue:           7 * day,
		},
	}
}

func pieces() []postproof.PieceSupport {
	content := []postproof.ContentKind{postproof.ContentHTML, postproof.ContentPDF, postproof.ContentImages, postproof.ContentTemplate}
	onlyUSLetter := []string{"us_letter"}
	return []postproof.PieceSupport{
		{
			Kind:       postproof.KindPostcard,
			Sizes:      []postproof.Size{postproof.Size4x6(), postproof.Size6x9(), postproof.Size6x11()},
			Classes:    []postproof.MailClass{postproof.FirstClass, postproof.Marketing},
			Content:    content,
			ClassSizes: map[postproof.MailClass][]string{postproof.Marketing: {"6x9", "6x11"}},
		},
		{
			Kind:  postproof.KindLetter,
			Sizes: []postproof.Size{postproof.SizeUSLetter(), postproof.SizeUSLegal()},
			Classes: []postproof.MailClass{
				postproof.FirstClass, postproof.Marketing, postproof.Certified,
				postproof.CertifiedReturnReceipt, postproof.Registered,
			},
			// A letter is many pages, so no single image.
			Content: []postproof.ContentKind{postproof.ContentHTML, postproof.ContentPDF, postproof.ContentTemplate},
			// docs of extra_service: "Not available for us_legal letter size".
			ClassSizes: map[postproof.MailClass][]string{
				postproof.Certified: onlyUSLetter, postproof.CertifiedReturnReceipt: onlyUSLetter, postproof.Registered: onlyUSLetter,
			},
		},
		{
			Kind: postproof.KindSelfMailer,
			Sizes: []postproof.Size{
				postproof.Size6x18Bifold(), postproof.Size11x9Bifold(), postproof.Size12x9Bifold(), Size17x9Trifold(),
			},
			Classes: []postproof.MailClass{postproof.FirstClass, postproof.Marketing},
			Content: content,
		},
	}
}

// Size17x9Trifold is a self-mailer of 17.75 by 9 inches, folded twice. Lob
// has it in beta: an account needs to be admitted.
func Size17x9Trifold() postproof.Size {
	return postproof.Size{Name: "17.75x9_trifold", Short: postproof.Inches(9), Long: postproof.Inches(17.75)}
}

// sizeKey returns Lob's name of a size, which callers may call by another.
func sizeKey(caps *postproof.Capabilities, kind postproof.PieceKind, size postproof.Size) string {
	for _, p := range caps.Pieces {
		for _, s := range p.Sizes {
			if p.Kind == kind && s.Same(size) {
				return s.Name
			}
		}
	}
	return ""
}

// sizeOf is the reverse: the size that Lob calls by the name in a piece, zero
// when it is not one of ours.
func sizeOf(caps *postproof.Capabilities, kind postproof.PieceKind, o object) postproof.Size {
	for _, p := range caps.Pieces {
		for _, s := range p.Sizes {
			if p.Kind == kind && o.is("size", s.Name) {
				return s
			}
		}
	}
	return postproof.Size{}
}

// countriesAbroad is the schema country_extended.
const countriesAbroad = `AD AE AF AG AI AL AN AO AQ AR AT AU AW AZ BA BB BD BE BF BG BH BI BJ BM BN BO BQ BR
	BS BT BW BY BZ CA CD CG CH CI CK CL CM CN CO CR CS CU CV CW CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET
	FI FJ FK FO FR GA GB GD GE GH GI GL GM GN GQ GR GS GT GW GY HK HN HR HT HU ID IE IL IN IO IQ IR IS IT JM
	JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MK ML MM MN MO MR
	MS MT MU MV MW MX MY MZ NA NE NF NG NI NL NO NP NR NU NZ OM PA PE PG PH PK PL PN PT PY QA RO RS RU RW SA
	SB SC SD SE SG SH SI SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA
	UG UY UZ VA VC VE VG VN VU WS YE ZA ZM ZW`
