package main

import (
	"context"
	"errors"
	"net/http"
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
//
// Acme's API does not say whose key it is. The account's name stands in for that,
// another one for each account, so that the key can be rotated while pieces are
// in flight; without a name the key is the account.
func NewAcme(base, account, key string, mode postproof.Mode) (*Acme, error) {
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
	whose := []string{"account", account, string(mode)}
	if account == "" {
		whose = []string{"key", key, string(mode)}
	}
	return &Acme{
		base: base, key: key, caps: capabilities(),
		account: vendors.Account{Fingerprint: vendors.Fingerprint(vendorName, whose...), Mode: mode, Unnamed: account == ""},
	}, nil
}

// capabilities is what Acme can do, as data. The client decides by it, so that
// each number has its source beside it. What the documentation does not say gets
// the cautious value.
func capabilities() *postproof.Capabilities {
	return &postproof.Capabilities{
		Vendor: vendorName, Countries: []string{"US"}, // docs, "Pieces"
		Idempotency: postproof.Idempotency{
			Kind: postproof.IdempotencyKey, MaxLen: 64, // docs, "Retries": any text of up to 64 characters
			Window: 24 * time.Hour, Margin: time.Hour, // docs: "for at least a day"; the margin is ours
			Replay: postproof.ReplaySameBody, BodyCompared: true, // docs: 422 idempotency_mismatch
		},
		// No lag is documented, so that the settle time stays that of MinSettle.
		Lookup:  postproof.Lookup{ByRef: true},
		Cancel:  postproof.CancelWindow{Supported: true, For: 4 * time.Hour, Margin: 5 * time.Minute}, // docs, "Cancel"; the margin is ours
		NoPaper: []string{statusCanceled, statusUnprintable},
		Callbacks: postproof.Callbacks{
			Auth: postproof.CallbackSigned, EventIDs: true, CarryRef: true, RetryFor: 72 * time.Hour, // docs, "Webhooks"
			// Docs, "Production": printed within a day, mailed the next. How long the
			// postal service takes is unverified; a poll too many costs little.
			Patience: map[postproof.Stage]time.Duration{
				postproof.StageAccepted: 48 * time.Hour, postproof.StageInProduction: 72 * time.Hour, postproof.StageMailed: 20 * 24 * time.Hour,
			},
		},
		Pieces: []postproof.PieceSupport{{ // docs, "Pieces"
			Kind: postproof.KindPostcard, Sizes: []postproof.Size{postproof.Size4x6(), postproof.Size6x9()},
			Classes: []postproof.MailClass{postproof.FirstClass, postproof.Marketing}, Content: []postproof.ContentKind{postproof.ContentHTML},
		}},
		Limits: postproof.Limits{
			Name: 40, Company: 40, Line1: 64, Line2: 64, // docs, "Addresses"
			HTML: 100_000, // unverified: docs, "Pieces", say "about 100 kB" a side
		},
	}
}

// Capabilities implements [vendors.Adapter].
func (a *Acme) Capabilities() *postproof.Capabilities { return a.caps }

// Account implements [vendors.Adapter].
func (a *Acme) Account() vendors.Account { return a.account }

// String names the adapter without its key, and GoString keeps %#v from it.
func (a *Acme) String() string   { return vendorName + "(" + string(a.account.Mode) + ")" }
func (a *Acme) GoString() string { return "main.Acme{" + a.String() + "}" }

// Submit implements [vendors.Adapter]: one request. Retries, breakers and counting
// are behind the Doer, whose errors say what became of the bytes and are returned
// as they are.
func (a *Acme) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	req := a.request(postproof.OpSubmit, http.MethodPost, "/pieces", "/pieces")
	req.Class = postproof.RepeatKeyed // Acme deduplicates by the header
	req.Header.Set("Idempotency-Key", s.VendorKey)
	req.SetBody(body)
	// An id is all that makes it an acceptance, whatever its status is called.
	return a.order(ctx, do, req, postproof.SourceResponse, func(*piece) bool { return true })
}

// Get implements [vendors.Getter].
func (a *Acme) Get(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
	req, err := a.requestFor(postproof.OpGet, http.MethodGet, id)
	if err != nil {
		return nil, err
	}
	return a.order(ctx, do, req, postproof.SourcePoll, func(p *piece) bool { return p.id == id && p.status != "" })
}

// Cancel implements [vendors.Canceler].
func (a *Acme) Cancel(ctx context.Context, do vendors.Doer, id string) error {
	req, err := a.requestFor(postproof.OpCancel, http.MethodDelete, id)
	if err != nil {
		return err
	}
	req.Class = postproof.RepeatKeyed // docs, "Cancel": what is canceled stays so, and is answered alike
	_, err = a.order(ctx, do, req, postproof.SourceResponse, func(p *piece) bool { return p.id == id && p.status == statusCanceled })
	return err
}

// order sends a request that is answered with one piece. The answer is judged
// where it is read, behind the Doer: what is judged bad may be tried again.
func (a *Acme) order(ctx context.Context, do vendors.Doer, req *vendors.Request, source postproof.Source, ours func(*piece) bool) (*vendors.Order, error) {
	var got *piece // of the last answer
	req.Judge = judge(req.Op, func(raw []byte) (err error) {
		if got, err = readPiece(raw); err == nil && !ours(got) {
			err = errAnswer
		}
		return err
	})
	resp, err := do.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	o := a.orderOf(got, source)
	o.Replayed = resp.Header.Get("Idempotent-Replayed") == "true"
	return o, nil
}

func (a *Acme) request(op postproof.Op, method, path, route string) *vendors.Request {
	return &vendors.Request{
		Op: op, Class: postproof.RepeatSafe, Method: method, URL: a.base + path, Route: route,
		Header: http.Header{"Authorization": {"Bearer " + a.key}, "Accept": {"application/json"}},
	}
}

// requestFor is about one piece. What has not the form of an id is not asked for:
// of ".." in a path, escaped or not, a server makes another request.
func (a *Acme) requestFor(op postproof.Op, method, id string) (*vendors.Request, error) {
	if vendors.Word(id) == "" {
		return nil, notSent(string(op), postproof.CodeNotFound, errors.New("this is no id of acme's"))
	}
	return a.request(op, method, "/pieces/"+id, "/pieces/{id}"), nil
}
