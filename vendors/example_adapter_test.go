package vendors_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/vendortest"
)

// acme is the smallest adapter: a vendor that honors an idempotency key for a
// day, and that has to be asked where a piece is. It passes the suite of package
// vendortest. A look-up ([vendors.Finder]) and a cancellation
// ([vendors.Canceler]) are one method each; examples/adapter in the repository
// has all of them, and callbacks.
type acme struct{ key string }

func (acme) Capabilities() *postproof.Capabilities {
	return &postproof.Capabilities{
		Vendor: "acme", Countries: []string{"US"}, Poll: 6 * time.Hour,
		Idempotency: postproof.Idempotency{Kind: postproof.IdempotencyKey, Window: 24 * time.Hour, Margin: time.Hour, Replay: postproof.ReplaySameBody},
		Pieces: []postproof.PieceSupport{{
			Kind: postproof.KindPostcard, Sizes: []postproof.Size{postproof.Size4x6()},
			Classes: []postproof.MailClass{postproof.FirstClass}, Content: []postproof.ContentKind{postproof.ContentHTML},
		}},
	}
}

func (a acme) Account() vendors.Account {
	return vendors.Account{Fingerprint: vendors.Fingerprint("acme", a.key), Mode: postproof.ModeTest}
}

// String and GoString keep the key out of logs.
func (acme) String() string   { return "acme" }
func (acme) GoString() string { return "acme" }

// Encode is pure: the same job gives the same bytes, so that a resend after a
// crash carries what the first send carried.
func (a acme) Encode(_ context.Context, s *vendors.Submission) (*vendors.Body, error) {
	if err := a.Capabilities().Supports(&s.Job); err != nil {
		return nil, err
	}
	html, _ := s.Job.Piece.Art().(postproof.HTML)
	content := vendors.ContentDigest("acme", &s.Job)
	order := map[string]any{"reference": s.Ref, "digest": content, "front": html.Front, "back": html.Back, "to": party(&s.Job.To)}
	if !s.Job.From.IsZero() {
		order["from"] = party(&s.Job.From)
	}
	if !s.Job.SendDate.IsZero() {
		order["send_on"] = s.Job.SendDate.UTC().Format(time.DateOnly)
	}
	document, err := json.Marshal(order) // a map is written in the order of its keys
	if err != nil {
		return nil, postproof.NewError(postproof.CodeUnsupported, postproof.NotSent, err)
	}
	body := vendors.JSONBody("acme/1", document)
	body.Content = content
	return body, nil
}

// party is an address with all that it has: what is left out here is missing on the
// paper. What a vendor has no field for is refused with CodeUnsupported.
func party(a *postproof.Address) map[string]string {
	return map[string]string{
		"name": a.Name, "company": a.Company, "street": a.Line1, "unit": a.Line2, "city": a.City, "state": a.Region, "zip": a.PostalCode,
	}
}

// Submit makes one request. Retries, breakers and counting are behind the Doer;
// its errors say what became of the bytes, and are returned as they are.
func (a acme) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	req := a.request(postproof.OpSubmit, http.MethodPost, "/orders", "/orders")
	req.Class = postproof.RepeatKeyed
	req.Header.Set("Idempotency-Key", s.VendorKey)
	req.SetBody(body)
	return a.order(ctx, do, req, postproof.SourceResponse)
}

// Get makes the adapter a [vendors.Getter], which its Poll needs. An id of another
// form gets into no URL.
func (a acme) Get(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
	if id == "" || strings.Trim(id, "0123456789") != "" {
		return nil, postproof.NewError(postproof.CodeNotFound, postproof.NotSent, errors.New("this is no id of acme's"))
	}
	order, err := a.order(ctx, do, a.request(postproof.OpGet, http.MethodGet, "/orders/"+id, "/orders/{id}"), postproof.SourcePoll)
	if err == nil && order.Receipt.VendorID != id {
		return nil, postproof.NewError(postproof.CodeUnknown, postproof.Unknown, errors.New("the answer is about another order"))
	}
	return order, err
}

func (a acme) request(op postproof.Op, method, path, route string) *vendors.Request {
	return &vendors.Request{
		Op: op, Class: postproof.RepeatSafe, Method: method, URL: "https://api.acme.example" + path, Route: route,
		Header: http.Header{"Authorization": {"Bearer " + a.key}},
	}
}

// order judges the answer where it is read, behind the Doer: a 2xx without an
// order is a failure there, too. What it says of the order is the vendor's word,
// not an echo of the submission.
func (a acme) order(ctx context.Context, do vendors.Doer, req *vendors.Request, source postproof.Source) (*vendors.Order, error) {
	var order *vendors.Order
	req.Judge = func(r *vendors.Response) error {
		o, err := vendors.ParseObject(r.Body)
		if r.Status/100 == 4 && o.Text("refusal") == "" { // acme says what it refuses: somebody else has answered
			return vendors.Foreign(r, "see the base URL, and what stands in front of acme")
		}
		if err := vendors.JudgeStatus(r); err != nil {
			return err
		}
		if err != nil || o.Text("id") == "" {
			return postproof.NewError(postproof.CodeUnknown, postproof.Unknown, errors.New("a 2xx without an order"))
		}
		order = &vendors.Order{
			Receipt: postproof.Receipt{Vendor: "acme", VendorID: o.Text("id"), Ref: o.Ref("reference"), AcceptedAt: o.Time("created")},
			Facts:   vendors.Facts{Content: o.Text("digest")}, Raw: r.Body,
			Status: postproof.Status{Stage: postproof.StageAccepted, Raw: o.Text("status"), Source: source, Confidence: postproof.Reported},
		}
		if order.Status.Raw == "mailed" {
			order.Status.Stage = postproof.StageMailed
		}
		return nil
	}
	_, err := do.Do(ctx, req)
	return order, err
}

// The smallest adapter, and what it makes of two answers.
func ExampleAdapter() {
	var adapter vendors.Adapter = acme{key: "secret"}
	s := &vendors.Submission{
		Job: postproof.Job{
			Key: "invoice-1042", Class: postproof.FirstClass,
			To:    postproof.Address{Name: "Alex Doe", Line1: "210 King St", City: "San Francisco", Region: "CA", PostalCode: "94107"},
			Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
		},
		Ref: "0123456789ABCDEF", VendorKey: "00112233445566778899aabbccddeeff",
	}
	body, err := adapter.Encode(context.Background(), s)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, answer := range []string{`{"id": "1042", "reference": "0123456789ABCDEF"}`, `{"id": "10`} {
		order, err := adapter.Submit(context.Background(), vendortest.Answers(answer), s, body)
		if err != nil {
			fmt.Println(postproof.DeliveryOf(err), err)
			continue
		}
		fmt.Println(order.Receipt.VendorID, order.Receipt.Ref, adapter)
	}
	// Output:
	// 1042 0123456789ABCDEF acme
	// unknown unknown (unknown): a 2xx without an order
}
