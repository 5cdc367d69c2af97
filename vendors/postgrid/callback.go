package postgrid

import (
	"bytes"
	"errors"
	"net/http"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/signature"
)

// ParseCallback implements [vendors.CallbackParser]: one event, as JSON or in
// the claims of a JSON Web Token, by the form of the body.
func (a *Adapter) ParseCallback(_ http.Header, body []byte) ([]*vendors.Notice, error) {
	raw := bytes.Clone(body) // the event outlives the receiver's buffer
	if isToken(body) {
		claims, err := signature.UnverifiedClaims(body)
		if err != nil {
			return nil, badCallback(errToken)
		}
		if raw, err = eventIn(claims); err != nil {
			return nil, badCallback(err)
		}
	}
	e, err := parseTold(raw, a.caps)
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

// eventIn returns the event in the claims, whose names are not documented: they are
// the event itself, with the token's own claims beside, or hold it.
func eventIn(claims []byte) ([]byte, error) {
	o, err := parseObject(claims)
	if err != nil {
		return nil, errToken
	}
	for _, name := range []string{"event", "data"} {
		if inner := o.Object(name); !isEvent(o) && (isEvent(inner) || isBare(inner)) {
			return o[name], nil
		}
	}
	if !isEvent(o) && !isBare(o) {
		return nil, errors.New("the token's claims hold no event of postgrid")
	}
	return claims, nil
}

// isBare reports whether the object is an event that does not say that it is one.
// PostGrid's first library (github.com/postgrid/postgrid-python at f56bfb7b,
// tests/test_webhook.py) holds a token of PostGrid's: its claims are a type, the order
// and the time of signing. Of what is sent as JSON no body is documented at all.
func isBare(o vendors.Object) bool {
	resource, what, dotted := strings.Cut(o.Text("type"), ".")
	_, named := o["object"]
	return dotted && resource != "" && what != "" && !named && o.Object("data") != nil
}

// parseTold reads the event of a callback. Of a bare one the resource does not say
// what it is, either: the type does. Where there is no id, it is told from others by
// what it shows.
func parseTold(raw []byte, caps *postproof.Capabilities) (*event, error) {
	o, err := parseObject(raw)
	if err != nil || !isBare(o) {
		return parseEvent(raw, postproof.SourceCallback, caps)
	}
	data := o.Object("data")
	name := data.Text("object")
	if _, named := data["object"]; !named {
		name, _, _ = strings.Cut(o.Text("type"), ".")
	}
	e := &event{created: o.Time("createdAt"), notice: &vendors.Notice{Event: postproof.Event{
		ID: vendors.Word(o.Text("id")), Vendor: Name, Mode: modeField(o), Raw: raw,
	}}}
	if e.notice.Event.Mode == "" {
		e.notice.Event.Mode = modeField(data)
	}
	e.show(data, name, o["data"], postproof.SourceCallback, caps)
	return e, nil
}
