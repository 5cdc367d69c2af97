package vendors_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// acme is the smallest adapter: a vendor that honors an idempotency key for a
// day and can be asked for nothing else. examples/adapter has all of one. A look-up ([vendors.Finder]), a cancellation
// ([vendors.Canceler]) and a status ([vendors.Getter]) are one method each.
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

// Encode is pure: the same job gives the same bytes, so that a resend after a
// crash carries what the first send carried.
func (acme) Encode(_ context.Context, s *vendors.Submission) (*vendors.Body, error) {
	document, err := json.Marshal(map[string]any{"reference": s.Ref, "zip": s.Job.To.PostalCode})
	if err != nil {
		return nil, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, err)
	}
	return vendors.JSONBody("acme/1", document), nil
}

// Submit makes one request. Retries, breakers and counting are behind the Doer;
// its errors say what became of the bytes, and are returned as they are.
func (a acme) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	req := &vendors.Request{
		Op: postproof.OpSubmit, Class: postproof.RepeatKeyed, Method: http.MethodPost, URL: "https://api.acme.example/orders", Route: "/orders",
		Header: http.Header{"Authorization": {"Bearer " + a.key}, "Idempotency-Key": {s.VendorKey}},
	}
	req.SetBody(body)
	resp, err := do.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	var out struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(resp.Body, &out) != nil || out.ID == "" {
		return nil, postproof.NewError(postproof.CodeUnknown, postproof.Unknown, errors.New("a 2xx without an order"))
	}
	return &vendors.Order{
		Receipt: postproof.Receipt{Vendor: "acme", VendorID: out.ID, Ref: s.Ref}, Raw: resp.Body,
		Status: postproof.Status{Stage: postproof.StageAccepted, Source: postproof.SourceResponse, Confidence: postproof.Reported},
	}, nil
}

// answers is a Doer that always gets the same answer.
type answers string

func (a answers) Do(context.Context, *vendors.Request) (*vendors.Response, error) {
	return &vendors.Response{Status: http.StatusOK, Body: []byte(a)}, nil
}

// The smallest adapter, and what it makes of two answers.
func ExampleAdapter() {
	var adapter vendors.Adapter = acme{key: "secret"}
	s := &vendors.Submission{
		Job: postproof.Job{Key: "invoice-1042", To: postproof.Address{PostalCode: "94107"}},
		Ref: "0123456789ABCDEF", VendorKey: "k",
	}
	body, err := adapter.Encode(context.Background(), s)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, answer := range []answers{`{"id": "order_1"}`, `{"id": "ord`} {
		order, err := adapter.Submit(context.Background(), answer, s, body)
		if err != nil {
			fmt.Println(postproof.DeliveryOf(err), err)
			continue
		}
		fmt.Println(order.Receipt.VendorID)
	}
	// Output:
	// order_1
	// unknown unknown (unknown): a 2xx without an order
}
