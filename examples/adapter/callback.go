package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/signature"
)

// scheme is how Acme signs: "Acme-Signature: t=1772463600,v1=…", an HMAC-SHA256
// over the time and the body. Package signature has the schemes of the field, with
// rotation, time and constant time; write none yourself.
func scheme() signature.PackedHMAC { return signature.PackedHMAC{Header: "Acme-Signature"} }

// NewVerifier implements [vendors.CallbackVerifier].
func (a *Acme) NewVerifier(secrets ...string) (vendors.Verifier, error) {
	v, err := scheme().NewVerifier(secrets...)
	if err != nil {
		return nil, notSent("callback", postproof.CodeInvalidArgument, err)
	}
	return v, nil
}

// ParseCallback implements [vendors.CallbackParser]. Nobody has verified the body
// yet when it is called with what is stored; it only reads.
func (a *Acme) ParseCallback(_ http.Header, body []byte) ([]*vendors.Notice, error) {
	var event struct {
		ID    string          `json:"id"`
		At    time.Time       `json:"at"`
		Piece json.RawMessage `json:"piece"`
	}
	refused := func() ([]*vendors.Notice, error) {
		return nil, notSent("callback", postproof.CodeInvalidArgument, errors.New("the body is no event of acme's"))
	}
	raw := bytes.Clone(body) // a notice outlives the receiver's buffer
	if json.Unmarshal(raw, &event) != nil || event.ID == "" {
		return refused()
	}
	w, err := parse(event.Piece)
	if err != nil {
		return refused()
	}
	o := a.orderOf(w, event.Piece, postproof.SourceCallback)
	o.Status.VendorTime = event.At
	return []*vendors.Notice{{Order: o, Event: postproof.Event{
		ID: event.ID, Vendor: vendorName, Mode: o.Mode, VendorID: o.Receipt.VendorID, Ref: o.Receipt.Ref, Status: o.Status, Raw: raw,
	}}}, nil
}
