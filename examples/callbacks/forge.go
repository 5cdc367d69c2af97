package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// forgery is a way in which somebody tries to make us believe something.
type forgery struct {
	Name string `json:"name"`
	// Want is the answer that it deserves, Reason what the receiver says.
	Want   int    `json:"want"`
	Reason string `json:"reason,omitempty"`
	// Sent counts them, Answered those that got that answer, and no other.
	Sent     int `json:"sent"`
	Answered int `json:"answered"`

	make func(w *world, ref string) (http.Header, []byte, error)
}

// maxBody is what a receiver takes unless it is told otherwise.
const maxBody = 1 << 20

func forgeries() []*forgery {
	return []*forgery{
		{Name: "signed with another secret", Want: http.StatusUnauthorized, make: func(w *world, ref string) (http.Header, []byte, error) {
			return w.callback("a-secret-that-somebody-guessed", ref, 0)
		}},
		{Name: "one bit of the body flipped", Want: http.StatusUnauthorized, make: func(w *world, ref string) (http.Header, []byte, error) {
			h, body, err := w.callback(w.secret, ref, 0)
			if err == nil {
				body[w.dice.IntN(len(body))] ^= 1 << w.dice.IntN(8)
			}
			return h, body, err
		}},
		{Name: "overheard, an hour old", Want: http.StatusUnauthorized, make: func(w *world, ref string) (http.Header, []byte, error) {
			return w.callback(w.secret, ref, -time.Hour)
		}},
		{Name: "dated an hour ahead", Want: http.StatusUnauthorized, make: func(w *world, ref string) (http.Header, []byte, error) {
			return w.callback(w.secret, ref, time.Hour)
		}},
		{Name: "without a signature", Want: http.StatusBadRequest, make: func(w *world, ref string) (http.Header, []byte, error) {
			h, body, err := w.callback(w.secret, ref, 0)
			h.Del("Lob-Signature")
			return h, body, err
		}},
		{Name: "two megabytes long", Want: http.StatusRequestEntityTooLarge, make: func(w *world, ref string) (http.Header, []byte, error) {
			h, body, err := w.callback(w.secret, ref, 0)
			return h, append(body, bytes.Repeat([]byte(" "), 2*maxBody)...), err
		}},
		{Name: "compressed", Want: http.StatusUnsupportedMediaType, make: func(w *world, ref string) (http.Header, []byte, error) {
			h, body, err := w.callback(w.secret, ref, 0)
			h.Set("Content-Encoding", "gzip")
			return h, body, err
		}},
	}
}

// callback is what the vendor would send about a piece, signed by another secret
// perhaps, or at another time.
func (w *world) callback(secret, ref string, by time.Duration) (http.Header, []byte, error) {
	return w.sim.Callback(vendorsim.Webhook{Vendor: lob.Name, Secret: secret}, ref, w.clock.Now().Add(by))
}

// forge sends one of each to the receiver, about pieces that there are.
func (w *world) forge(ctx context.Context) error {
	for _, f := range w.forged {
		header, body, err := f.make(w, w.refs[w.dice.IntN(len(w.refs))])
		if err != nil {
			return err
		}
		got, err := post(ctx, w.endpoint(), header, body)
		if err != nil {
			return fmt.Errorf("a forged callback (%s): %w", f.Name, err)
		}
		if f.Sent++; got.status == f.Want {
			f.Answered++
		}
		f.Reason = got.reason
	}
	return nil
}
