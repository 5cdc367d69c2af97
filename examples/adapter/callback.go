package main

import (
	"bytes"
	"errors"
	"net/http"
	"strings"

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

// ParseCallback implements [vendors.CallbackParser]. It is called with bytes that
// nobody may have verified; it only reads.
//
// Acme also tells of its templates and of the account, by the same URL. Those
// events name no piece and are kept: refused, they would come again for days.
func (a *Acme) ParseCallback(_ http.Header, body []byte) ([]*vendors.Notice, error) {
	refused := func() ([]*vendors.Notice, error) {
		return nil, notSent("callback", postproof.CodeInvalidArgument, errors.New("the body is no event of acme's"))
	}
	raw := bytes.Clone(body) // a notice outlives the receiver's buffer
	o, err := vendors.ParseObject(raw)
	id, kind := vendors.Word(o.Text("id")), o.Text("type")
	if err != nil || id == "" || kind == "" {
		return refused()
	}
	n := &vendors.Notice{Event: postproof.Event{
		ID: id, Vendor: vendorName, Raw: raw,
		Status: postproof.Status{Source: postproof.SourceCallback, VendorTime: o.Time("at")},
	}}
	if !strings.HasPrefix(kind, "piece.") {
		return []*vendors.Notice{n}, nil
	}
	p, err := readPiece(o["piece"])
	if err != nil || p.status == "" {
		return refused()
	}
	n.Order = a.orderOf(p, postproof.SourceCallback)
	n.Order.Status.VendorTime = n.Event.Status.VendorTime
	n.Event.Mode, n.Event.Status = n.Order.Mode, n.Order.Status
	n.Event.VendorID, n.Event.Ref = p.id, p.ref()
	return []*vendors.Notice{n}, nil
}
