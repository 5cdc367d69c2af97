package postgrid

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// ParseCallback implements [vendors.CallbackParser]: one event, as JSON or in
// the claims of a JSON Web Token, by the form of the body.
func (a *Adapter) ParseCallback(_ http.Header, body []byte) ([]*vendors.Notice, error) {
	raw := body
	if isToken(body) {
		claims, err := claimsOf(body)
		if err != nil {
			return nil, badCallback(err)
		}
		if raw, err = eventIn(claims); err != nil {
			return nil, badCallback(err)
		}
	}
	e, err := parseEvent(raw, postproof.SourceCallback, a.caps)
	if err != nil {
		return nil, badCallback(errors.New("the body is no event of postgrid"))
	}
	return []*vendors.Notice{e.notice}, nil
}

func badCallback(err error) error {
	return &postproof.Error{
		Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Vendor: Name, Op: "callback", Err: err,
	}
}

// isToken tells the two forms of a callback apart: JSON begins with a brace,
// which no token has.
func isToken(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(body), []byte("ey")) && bytes.Count(body, []byte{'.'}) == 2
}

var errToken = errors.New("the body is no JSON Web Token")

// claimsOf returns the claims of a token, unverified: that is the business of
// the verifier.
func claimsOf(body []byte) ([]byte, error) {
	_, rest, _ := bytes.Cut(bytes.TrimSpace(body), []byte{'.'})
	payload, _, _ := bytes.Cut(rest, []byte{'.'})
	claims, err := base64.RawURLEncoding.DecodeString(string(payload))
	if err != nil {
		return nil, errToken
	}
	return claims, nil
}

// eventIn returns the event in the claims. Their names are not documented: they
// are the event itself, with the token's own claims beside, or hold it.
func eventIn(claims []byte) ([]byte, error) {
	o, err := parseObject(claims)
	if err != nil {
		return nil, errToken
	}
	if isEvent(o) {
		return claims, nil
	}
	for _, name := range []string{"event", "data"} {
		if isEvent(o.object(name)) {
			return o[name], nil
		}
	}
	return nil, errors.New("the token's claims hold no event of postgrid")
}
