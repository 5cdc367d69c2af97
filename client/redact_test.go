package client_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/snapshot"
	"github.com/postproof/postproof/vendors"
)

// What a program is handed it logs, or prints, as it is, in JSON, too: nothing of the
// person, of a payload, or of credentials is there then, and what it is about is.
func TestWhatIsHandedOutCanBeLogged(t *testing.T) {
	t.Parallel()
	const secret = "Malone"
	raw := []byte(`{"name":"Malone"}`)
	home := postproof.Address{Name: secret, Line1: secret, City: secret, PostalCode: secret}
	header := http.Header{"Authorization": {secret}}
	rec := &idempotency.Record{ID: "0123456789abcdef0123", Key: secret, Job: raw, Contact: secret, State: idempotency.Accepted}
	order := &vendors.Order{
		Receipt: postproof.Receipt{Vendor: "alpha", VendorID: "alpha_1", ProofURL: "https://example.com/?token=Malone"},
		Facts:   vendors.Facts{PostalCode: secret}, Raw: raw,
	}
	event := postproof.Event{ID: "evt_1", Vendor: "alpha", Raw: raw}
	rejection := client.Rejection{Index: 41, Key: secret, Err: errors.New("why it was")}
	for name, tc := range map[string]struct {
		v    any
		want string // in the log; empty where the zero numbers say enough
	}{
		"told":      {client.Told{Record: rec, Before: rec}, "0123456789abcdef"},
		"rejection": {rejection, "why it was"},
		"enqueued":  {client.Enqueued{New: 4711, Rejections: []client.Rejection{rejection}}, "4711"},
		"erasure": {client.Erasure{
			Keys: []postproof.Key{secret}, Contacts: []string{secret}, ProofKey: []byte(secret),
		}, "1 contacts"},
		"reject":         {snapshot.Reject{Row: snapshot.Row{Number: 4711, ContactID: secret, Address: home}, Findings: []snapshot.Finding{{Row: 4711, Code: "no_city"}}}, "no_city"},
		"message":        {idempotency.Message{ID: 4711, Header: map[string]string{"Signature": secret}, Body: raw}, "4711"},
		"request":        {vendors.Request{Op: postproof.OpSubmit, URL: "https://" + secret, Header: header}, "submit"},
		"response":       {vendors.Response{Status: 418, Header: header, Body: raw}, "418"},
		"order":          {*order, "alpha_1"},
		"notice":         {vendors.Notice{Event: event, Order: order}, "alpha_1"},
		"retry request":  {retry.Request{Op: postproof.OpSubmit, URL: "https://" + secret, Header: header}, "submit"},
		"retry response": {retry.Response{Status: 418, Header: header, Body: raw}, "418"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var text, jason bytes.Buffer
			slog.New(slog.NewTextHandler(&text, nil)).InfoContext(t.Context(), "x", slog.Any("v", tc.v))
			slog.New(slog.NewJSONHandler(&jason, nil)).InfoContext(t.Context(), "x", slog.Any("v", tc.v))
			for _, s := range []string{text.String(), jason.String(), fmt.Sprintf("%v", tc.v), fmt.Sprintf("%+v", tc.v), fmt.Sprintf("%#v", tc.v)} {
				if holds(s, secret) || holds(s, string(raw)) {
					t.Errorf("%s", s)
				}
			}
			if !strings.Contains(text.String(), tc.want) || !strings.Contains(jason.String(), tc.want) || !json.Valid(jason.Bytes()) {
				t.Errorf("the log does not say %q: %s%s", tc.want, &text, &jason)
			}
		})
	}
}

// holds reports whether a text holds a secret, as it is or as bytes are printed.
func holds(text, secret string) bool {
	list, hex := fmt.Sprintf("%d", []byte(secret)), fmt.Sprintf("%#v", []byte(secret))
	for _, form := range []string{secret, list[1 : len(list)-1], hex[len("[]byte{") : len(hex)-1], base64.StdEncoding.EncodeToString([]byte(secret))} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}
