package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// invoice mails one letter now, and says what became of it.
func (s *service) invoice(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Invoice string `json:"invoice"`
		postproof.Address
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&in); err != nil {
		http.Error(w, "want an invoice and an address as JSON", http.StatusBadRequest)
		return
	}
	// The customer may hang up: what has begun to go out is not to be broken off.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
	defer cancel()
	rec, err := s.mail.Submit(ctx, postproof.Job{
		Key: postproof.DeriveKey("invoices", in.Invoice, "card"), Campaign: "invoices", Contact: in.Invoice, // of the piece, not of the attempt
		To: in.Address, From: sender(), Class: postproof.FirstClass,
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Invoice</h1>", Back: "<p>please pay</p>"}},
	})
	status, text := answer(rec, err)
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

// answer says over HTTP what Submit has said.
func answer(rec *idempotency.Record, err error) (status int, text string) {
	if rec == nil { // not in the ledger: whoever asked has to know
		switch postproof.CodeOf(err) {
		case postproof.CodeInvalidArgument, postproof.CodeUnsupported:
			return http.StatusUnprocessableEntity, err.Error()
		case postproof.CodeConflict: // the key was used for another piece
			return http.StatusConflict, err.Error()
		default: // the ledger is away: try again, under the same key
			return http.StatusServiceUnavailable, "try again: " + postproof.CodeOf(err).String()
		}
	}
	switch {
	case err == nil:
		return http.StatusOK, fmt.Sprintf("with %s as %s", rec.Receipt.Vendor, rec.State)
	case rec.State == idempotency.Held, rec.State == idempotency.Refused: // Held and Refused list it: somebody has to look
		return http.StatusAccepted, "a person looks at it: " + string(rec.State)
	case postproof.DeliveryOf(err).MayBeInTheMail(): // never send it by another way
		return http.StatusAccepted, "it may be with the vendor, and is being found out"
	default:
		return http.StatusAccepted, "it is queued, and sent by itself"
	}
}
