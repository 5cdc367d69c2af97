package callback_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/signature"
)

// acme is a vendor of the examples: it takes every piece, and signs its
// callbacks. Yours is lob.New, another adapter of this module, or one like that
// of examples/adapter.
type acme struct{}

func (acme) Capabilities() *postproof.Capabilities {
	return &postproof.Capabilities{
		Vendor: "acme", Countries: []string{"US"},
		Pieces: []postproof.PieceSupport{{
			Kind: postproof.KindPostcard, Sizes: []postproof.Size{postproof.Size4x6()},
			Classes: []postproof.MailClass{postproof.FirstClass}, Content: []postproof.ContentKind{postproof.ContentHTML},
		}},
		Callbacks: postproof.Callbacks{Auth: postproof.CallbackSigned, EventIDs: true, CarryRef: true},
	}
}

func (acme) Account() vendors.Account {
	return vendors.Account{Fingerprint: vendors.Fingerprint("acme", "key"), Mode: postproof.ModeTest}
}

func (acme) Encode(context.Context, *vendors.Submission) (*vendors.Body, error) {
	return vendors.JSONBody("acme/1", []byte("{}")), nil
}

func (acme) Submit(_ context.Context, _ vendors.Doer, s *vendors.Submission, _ *vendors.Body) (*vendors.Order, error) {
	return &vendors.Order{
		Receipt: postproof.Receipt{Vendor: "acme", VendorID: "psc_1", Ref: s.Ref},
		Status:  postproof.Status{Stage: postproof.StageAccepted},
	}, nil
}

func (acme) ParseCallback(_ http.Header, body []byte) ([]*vendors.Notice, error) {
	var in struct {
		ID     string `json:"id"`
		Piece  string `json:"piece"`
		Status string `json:"status"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.ID == "" {
		return nil, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, errors.New("no callback of acme"))
	}
	return []*vendors.Notice{{Event: postproof.Event{
		ID: in.ID, Vendor: "acme", VendorID: in.Piece, Raw: bytes.Clone(body), // the receiver uses its buffer again
		Status: postproof.Status{Stage: postproof.Stage(in.Status), Raw: in.Status, Source: postproof.SourceCallback, Confidence: postproof.Reported},
	}}}, nil
}

func (acme) NewVerifier(secrets ...string) (vendors.Verifier, error) {
	v, err := acmeScheme().NewVerifier(secrets...)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// acmeScheme is an HMAC-SHA256 of the body, in hexadecimal.
func acmeScheme() signature.HMAC { return signature.HMAC{Header: "Acme-Signature"} }
