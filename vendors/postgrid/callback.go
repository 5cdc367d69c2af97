package postgrid

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/signature"
)

// ParseCallback implements [vendors.CallbackParser]: one event, as JSON or in
// the claims of a JSON Web Token, by the form of the body.
func (a *Adapter) ParseCallback(_ http.Header, body []byte) ([]*vendors.Notice, error) {
	read, raw := parseEvent, bytes.Clone(body) // the event outlives the receiver's buffer
	if isToken(body) {
		claims, err := signature.UnverifiedClaims(body)
		if err != nil {
			return nil, badCallback(errToken)
		}
		if raw, read, err = eventIn(claims); err != nil {
			return nil, badCallback(err)
		}
	}
	e, err := read(raw, postproof.SourceCallback, a.caps)
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

// isToken tells the two forms of a callback apart: a token begins with the
// base64url of a brace, which no JSON does.
func isToken(body []byte) bool { return bytes.HasPrefix(body, []byte("ey")) }

var errToken = errors.New("the body is no JSON Web Token of an object")

// eventIn returns the event in the claims, and what reads it. The documentation names
// none of them. PostGrid's first library (github.com/postgrid/postgrid-python at
// f56bfb7b, tests/test_webhook.py) holds a token of PostGrid's: its claims are a type,
// the order and the time of signing. Those of today may as well be the event itself,
// with the token's own claims beside, or hold it.
func eventIn(claims []byte) ([]byte, eventReader, error) {
	o, err := parseObject(claims)
	if err != nil {
		return nil, nil, errToken
	}
	if isEvent(o) {
		return claims, parseEvent, nil
	}
	for _, name := range []string{"event", "data"} {
		if isEvent(o.Object(name)) {
			return o[name], parseEvent, nil
		}
	}
	if isBare(o) {
		return claims, parseBareEvent, nil
	}
	return nil, nil, errors.New("the token's claims hold no event of postgrid")
}
