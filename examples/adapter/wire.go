package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// order is what Acme is sent. Every type in it is Acme's: postproof's own types
// have a JSON of their own, which is the ledger's, and changes with it.
// encoding/json writes the fields of a struct in their order and a map by its
// keys: the same job gives the same bytes.
type order struct {
	To        address           `json:"to"`
	From      *address          `json:"from,omitempty"`
	Size      string            `json:"size"`
	Class     string            `json:"class"`
	Front     string            `json:"front"`
	Back      string            `json:"back"`
	SendOn    string            `json:"send_on,omitempty"`
	Reference string            `json:"reference"`
	Digest    string            `json:"digest"`
	Tags      map[string]string `json:"tags,omitempty"`
}

type address struct {
	Name    string `json:"name,omitempty"`
	Company string `json:"company,omitempty"`
	Street  string `json:"street"`
	Unit    string `json:"unit,omitempty"`
	City    string `json:"city"`
	State   string `json:"state"`
	Zip     string `json:"zip"`
	Country string `json:"country"` // docs, "Addresses": two capitals, always there
}

func addressOf(a *postproof.Address) address {
	return address{
		Name: a.Name, Company: a.Company, Street: a.Line1, Unit: a.Line2, City: a.City, State: a.Region,
		Zip: a.PostalCode, Country: a.CountryCode(), // Country is as it was typed, or empty
	}
}

// classes are Acme's words for ours.
func classes() map[postproof.MailClass]string {
	return map[postproof.MailClass]string{postproof.FirstClass: "first", postproof.Marketing: "standard"}
}

// Encode implements [vendors.Adapter]. It is pure. Other bytes for the same job
// need another name than acme/1: a resend after an upgrade is by the old one, or
// none.
func (a *Acme) Encode(_ context.Context, s *vendors.Submission) (*vendors.Body, error) {
	if err := a.caps.Supports(&s.Job); err != nil {
		return nil, err // it is NotSent, and says which field does not fit
	}
	html, ok := s.Job.Piece.Art().(postproof.HTML)
	if !ok || html.Front == "" || html.Back == "" {
		return nil, notSent("submit", postproof.CodeUnsupported, postproof.FieldError{Path: "piece.artwork", Reason: "acme prints both sides, from markup"})
	}
	content := vendors.ContentDigest(vendorName, &s.Job)
	w := order{
		To: addressOf(&s.Job.To), Class: classes()[s.Job.Class], Front: html.Front, Back: html.Back,
		Reference: string(s.Ref), Digest: content, Tags: s.Job.Metadata,
	}
	if i := slices.IndexFunc(a.caps.Pieces[0].Sizes, s.Job.Piece.Sheet().Same); i >= 0 {
		w.Size = a.caps.Pieces[0].Sizes[i].Name // Acme's names are ours
	}
	if !s.Job.From.IsZero() {
		from := addressOf(&s.Job.From)
		w.From = &from
	}
	if !s.Job.SendDate.IsZero() {
		w.SendOn = s.Job.SendDate.UTC().Format(time.DateOnly)
	}
	document, err := json.Marshal(w)
	if err != nil {
		return nil, notSent("submit", postproof.CodeInternal, errors.New("the job cannot be written as JSON"))
	}
	body := vendors.JSONBody("acme/1", document)
	body.Content = content
	return body, nil
}

// piece is an answer of Acme's about one piece.
type piece struct {
	id     string
	status string // empty where it has another form
	fields vendors.Object
	raw    []byte
}

// readPiece reads what must be there, an id, and leaves the rest for who needs
// it: a time in a new form, or a price that became an object, makes nobody doubt
// that the piece was taken.
func readPiece(raw []byte) (*piece, error) {
	o, err := vendors.ParseObject(raw)
	if err != nil || vendors.Word(o.Text("id")) == "" {
		return nil, errAnswer
	}
	return &piece{id: o.Text("id"), status: vendors.Word(o.Text("status")), fields: o, raw: raw}, nil
}

func (a *Acme) orderOf(p *piece, source postproof.Source) *vendors.Order {
	o := &vendors.Order{
		Receipt: postproof.Receipt{Vendor: vendorName, VendorID: p.id, Ref: p.ref(), AcceptedAt: p.fields.Time("created_at")},
		Facts:   vendors.Facts{Kind: postproof.KindPostcard, Content: p.fields.Text("digest")},
		Status:  statusOf(p.status, source), Raw: p.raw,
		Dead: slices.Contains(a.caps.NoPaper, p.status),
	}
	o.Status.VendorTime = p.fields.Time("status_at")
	for ours, theirs := range classes() {
		if theirs == p.fields.Text("class") {
			o.Facts.Class = ours
		}
	}
	if i := slices.IndexFunc(a.caps.Pieces[0].Sizes, func(s postproof.Size) bool { return s.Name == p.fields.Text("size") }); i >= 0 {
		o.Facts.Size = a.caps.Pieces[0].Sizes[i]
	}
	if test := vendors.Field[*bool](p.fields, "test"); test != nil {
		o.Mode = map[bool]postproof.Mode{true: postproof.ModeTest, false: postproof.ModeLive}[*test]
	}
	return o
}

// ref is our reference as the piece itself shows it, empty where it shows none.
func (p *piece) ref() postproof.Ref { return p.fields.Ref("reference") }

// The statuses that mean that there is no paper, and never will be.
const (
	statusCanceled    = "canceled"
	statusUnprintable = "unprintable"
)

// statusOf maps every status that is documented. Another one keeps its raw value
// and has the stage accepted, which says no more than that Acme has the piece.
func statusOf(raw string, source postproof.Source) postproof.Status {
	stages := map[string]postproof.Stage{ // docs, "Statuses"
		"received": postproof.StageAccepted, "printing": postproof.StageInProduction, "mailed": postproof.StageMailed,
		"delivered": postproof.StageDelivered, "returned": postproof.StageReturned,
		statusCanceled: postproof.StageCanceled, statusUnprintable: postproof.StageFailed,
	}
	return postproof.Status{Stage: cmp.Or(stages[raw], postproof.StageAccepted), Raw: raw, Source: source, Confidence: postproof.Reported}
}
