package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// vendorName is the vendor's name in errors, receipts, metrics and template ids.
const vendorName = "acme"

// Acme mails through one account of Acme. It keeps no state but credentials.
type Acme struct {
	base    string
	key     string
	account vendors.Account
	caps    *postproof.Capabilities
}

// The compiler says which of the optional interfaces the adapter has.
var (
	_ vendors.Adapter          = (*Acme)(nil)
	_ vendors.Getter           = (*Acme)(nil)
	_ vendors.Finder           = (*Acme)(nil)
	_ vendors.Canceler         = (*Acme)(nil)
	_ vendors.CallbackVerifier = (*Acme)(nil)
	_ vendors.CallbackParser   = (*Acme)(nil)
)

// NewAcme returns an adapter. It talks to nobody; what is wrong with the
// configuration is said here, and never with the key in it.
func NewAcme(base, key string, mode postproof.Mode) (*Acme, error) {
	err := vendors.CheckBaseURL(base, "https://api.acme.example/v1", mode)
	switch {
	case key == "":
		err = errors.New("the API key is empty: make one under Settings, API")
	case mode.Validate() != nil:
		err = errors.New("mode: say test or live; Acme's keys do not tell")
	}
	if err != nil {
		return nil, notSent("new", postproof.CodeInvalidArgument, err)
	}
	return &Acme{
		base: base, key: key, caps: capabilities(),
		account: vendors.Account{Fingerprint: vendors.Fingerprint(vendorName, key, string(mode)), Mode: mode},
	}, nil
}

// capabilities is what Acme can do, as data. The client decides by it, so that
// each number has its source beside it. What the documentation does not say gets
// the cautious value.
func capabilities() *postproof.Capabilities {
	return &postproof.Capabilities{
		Vendor: vendorName, Countries: []string{"US"},
		Idempotency: postproof.Idempotency{
			Kind: postproof.IdempotencyKey, MaxLen: 64, // docs, "Retries": any text of up to 64 characters
			Window: 24 * time.Hour, Margin: time.Hour, // docs: "for at least a day"; the margin is ours
			Replay: postproof.ReplaySameBody, BodyCompared: true, // docs: 422 idempotency_mismatch
		},
		// No lag is documented, so that the settle time stays that of MinSettle.
		Lookup:  postproof.Lookup{ByRef: true},
		Cancel:  postproof.CancelWindow{Supported: true, For: 4 * time.Hour, Margin: 5 * time.Minute}, // docs, "Cancel"
		NoPaper: []string{"cancelled", "unprintable"},
		Callbacks: postproof.Callbacks{
			Auth: postproof.CallbackSigned, EventIDs: true, CarryRef: true, RetryFor: 72 * time.Hour, // docs, "Webhooks"
			Patience: map[postproof.Stage]time.Duration{
				postproof.StageAccepted: 48 * time.Hour, postproof.StageInProduction: 72 * time.Hour, postproof.StageMailed: 20 * 24 * time.Hour,
			},
		},
		Pieces: []postproof.PieceSupport{{
			Kind: postproof.KindPostcard, Sizes: []postproof.Size{postproof.Size4x6(), postproof.Size6x9()},
			Classes: []postproof.MailClass{postproof.FirstClass, postproof.Marketing}, Content: []postproof.ContentKind{postproof.ContentHTML},
		}},
		Limits: postproof.Limits{Name: 40, Line1: 64, Line2: 64, HTML: 100_000},
	}
}

// Capabilities implements [vendors.Adapter].
func (a *Acme) Capabilities() *postproof.Capabilities { return a.caps }

// Account implements [vendors.Adapter].
func (a *Acme) Account() vendors.Account { return a.account }

// String names the adapter without its key, and GoString keeps %#v from it.
func (a *Acme) String() string   { return vendorName + "(" + string(a.account.Mode) + ")" }
func (a *Acme) GoString() string { return "main.Acme{" + a.String() + "}" }

// wire is a piece in Acme's API, in both directions. encoding/json writes the
// fields of a struct in their order and a map by its keys: the same job gives the
// same bytes.
type wire struct {
	ID        string             `json:"id,omitempty"`
	Status    string             `json:"status,omitempty"`
	CreatedAt time.Time          `json:"created_at,omitzero"`
	Test      *bool              `json:"test,omitempty"`
	To        *postproof.Address `json:"to,omitempty"`
	From      *postproof.Address `json:"from,omitempty"`
	Size      string             `json:"size"`
	Class     string             `json:"class"`
	Front     string             `json:"front,omitempty"`
	Back      string             `json:"back,omitempty"`
	SendOn    string             `json:"send_on,omitempty"`
	Reference string             `json:"reference"`
	Digest    string             `json:"digest"`
	Tags      map[string]string  `json:"tags,omitempty"`
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
		return nil, notSent("submit", postproof.CodeInvalidArgument, postproof.FieldError{Path: "piece.artwork", Reason: "both sides need markup"})
	}
	content := vendors.ContentDigest(vendorName, &s.Job)
	w := wire{
		To: &s.Job.To, Size: a.sizeName(s.Job.Piece.Sheet()), Class: string(s.Job.Class), Front: html.Front, Back: html.Back,
		Reference: string(s.Ref), Digest: content, Tags: s.Job.Metadata,
	}
	if !s.Job.From.IsZero() {
		w.From = &s.Job.From
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

func (a *Acme) sizeName(sheet postproof.Size) string {
	for _, s := range a.caps.Pieces[0].Sizes {
		if s.Same(sheet) {
			return s.Name
		}
	}
	return ""
}

// Submit implements [vendors.Adapter]: one request. Retries, breakers and counting
// are behind the Doer, whose errors say what became of the bytes and are returned
// as they are.
func (a *Acme) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	req := a.request(postproof.OpSubmit, http.MethodPost, "/pieces", "/pieces")
	req.Class = postproof.RepeatKeyed // Acme deduplicates by the header
	req.Header.Set("Idempotency-Key", s.VendorKey)
	req.SetBody(body)
	return a.order(ctx, do, req, postproof.SourceResponse, func(w *wire) bool { return true })
}

// Get implements [vendors.Getter].
func (a *Acme) Get(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
	req := a.request(postproof.OpGet, http.MethodGet, "/pieces/"+url.PathEscape(id), "/pieces/{id}")
	return a.order(ctx, do, req, postproof.SourcePoll, func(w *wire) bool { return w.ID == id })
}

// Cancel implements [vendors.Canceler].
func (a *Acme) Cancel(ctx context.Context, do vendors.Doer, id string) error {
	req := a.request(postproof.OpCancel, http.MethodDelete, "/pieces/"+url.PathEscape(id), "/pieces/{id}")
	req.Class = postproof.RepeatKeyed // what is cancelled stays so
	_, err := a.order(ctx, do, req, postproof.SourceResponse, func(w *wire) bool { return w.ID == id && w.Status == "cancelled" })
	return err
}

// Find implements [vendors.Finder]. Complete is the word on which a piece may be
// sent elsewhere: it is true only when the list was read to its end and every
// piece in it shows whose it is.
func (a *Acme) Find(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	if !ref.Valid() {
		return nil, notSent("look_up", postproof.CodeInvalidArgument, errors.New("this is no reference of ours"))
	}
	found := &vendors.Found{Complete: true}
	for after := ""; ; {
		query := url.Values{"reference": {string(ref)}, "after": {after}}
		req := a.request(postproof.OpLookUp, http.MethodGet, "/pieces?"+query.Encode(), "/pieces")
		var page struct {
			Pieces []json.RawMessage `json:"pieces"`
			Next   *string           `json:"next"` // empty on the last page
		}
		req.Judge = judge(postproof.OpLookUp, func(raw []byte) bool {
			page.Pieces, page.Next = nil, nil
			return json.Unmarshal(raw, &page) == nil && page.Pieces != nil && page.Next != nil
		})
		resp, err := do.Do(ctx, req)
		if err != nil {
			return nil, err
		}
		found.VendorTime = resp.Time()
		for _, raw := range page.Pieces {
			w, err := parse(raw)
			if err != nil {
				return nil, unreadable(postproof.OpLookUp, resp)
			}
			if !postproof.Ref(w.Reference).Valid() {
				found.Complete = false // whose is it?
			} else if w.Reference == string(ref) { // not: because we asked for it
				found.Orders = append(found.Orders, a.orderOf(w, raw, postproof.SourcePoll))
			}
		}
		if *page.Next == "" {
			return found, nil
		}
		if *page.Next == after || len(page.Pieces) == 0 {
			found.Complete = false // the list runs in a circle
			return found, nil
		}
		after = *page.Next
	}
}

// order sends a request that is answered with one piece. The answer is judged
// where it is read, behind the Doer: what is judged bad may be tried again.
func (a *Acme) order(ctx context.Context, do vendors.Doer, req *vendors.Request, source postproof.Source, ours func(*wire) bool) (*vendors.Order, error) {
	req.Judge = judge(req.Op, func(raw []byte) bool {
		w, err := parse(raw)
		return err == nil && ours(w)
	})
	resp, err := do.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	w, err := parse(resp.Body)
	if err != nil {
		return nil, unreadable(req.Op, resp)
	}
	o := a.orderOf(w, resp.Body, source)
	o.Replayed = resp.Header.Get("Idempotent-Replayed") == "true"
	return o, nil
}

func (a *Acme) request(op postproof.Op, method, path, route string) *vendors.Request {
	return &vendors.Request{
		Op: op, Class: postproof.RepeatSafe, Method: method, URL: a.base + path, Route: route,
		Header: http.Header{"Authorization": {"Bearer " + a.key}, "Accept": {"application/json"}},
	}
}

// parse reads a piece. Nothing is accepted on the word of an answer without an
// id and a status.
func parse(raw []byte) (*wire, error) {
	var w wire
	if err := json.Unmarshal(raw, &w); err != nil || w.ID == "" || w.Status == "" {
		return nil, errors.New("the answer is no piece of acme's")
	}
	return &w, nil
}

func (a *Acme) orderOf(w *wire, raw []byte, source postproof.Source) *vendors.Order {
	o := &vendors.Order{
		Receipt: postproof.Receipt{Vendor: vendorName, VendorID: w.ID, AcceptedAt: w.CreatedAt},
		Facts:   vendors.Facts{Kind: postproof.KindPostcard, Class: postproof.MailClass(w.Class), Content: w.Digest},
		Status:  statusOf(w.Status, source), Raw: raw,
	}
	if ref := postproof.Ref(w.Reference); ref.Valid() {
		o.Receipt.Ref = ref
	}
	if w.Test != nil {
		o.Mode = map[bool]postproof.Mode{true: postproof.ModeTest, false: postproof.ModeLive}[*w.Test]
	}
	for _, s := range a.caps.Pieces[0].Sizes {
		if s.Name == w.Size {
			o.Facts.Size = s
		}
	}
	o.Dead = w.Status == "cancelled" || w.Status == "unprintable" // as in NoPaper
	return o
}

// statusOf maps every status that is documented. Another one keeps its raw value
// and has the stage accepted, which says no more than that Acme has the piece.
func statusOf(raw string, source postproof.Source) postproof.Status {
	stages := map[string]postproof.Stage{
		"printing": postproof.StageInProduction, "mailed": postproof.StageMailed, "delivered": postproof.StageDelivered,
		"returned": postproof.StageReturned, "cancelled": postproof.StageCancelled, "unprintable": postproof.StageFailed,
	}
	return postproof.Status{Stage: cmp.Or(stages[raw], postproof.StageAccepted), Raw: raw, Source: source, Confidence: postproof.Reported}
}
