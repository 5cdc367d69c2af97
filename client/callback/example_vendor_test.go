package callback_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// acme is a vendor of the examples: it takes every piece, and signs its
// callbacks. Yours is lob.New or another adapter of this module.
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
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, errors.New("no callback of acme"))
	}
	return []*vendors.Notice{{Event: postproof.Event{
		ID: in.ID, VendorID: in.Piece, Raw: body, Status: postproof.Status{Stage: postproof.Stage(in.Status), Raw: in.Status},
	}}}, nil
}

func (acme) NewVerifier(secrets ...string) (vendors.Verifier, error) {
	return acmeVerifier(secrets), nil
}

type acmeVerifier []string

func (v acmeVerifier) Verify(h http.Header, body []byte, _ time.Time) error {
	for _, s := range v {
		if hmac.Equal([]byte(acmeSignature(s, body)), []byte(h.Get("Acme-Signature"))) {
			return nil
		}
	}
	return errors.New("not signed by acme")
}

func acmeSignature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
