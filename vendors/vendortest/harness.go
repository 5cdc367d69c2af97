package vendortest

import (
	"net/http"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// Harness is an adapter and the simulated vendor that it talks to. Each call
// of the function given to [Run] returns a new one, with nothing accepted yet
// and with the same credentials.
type Harness struct {
	// Adapter is the adapter under test. It may have any base URL: only the
	// path and the query of its requests reach the simulator.
	Adapter vendors.Adapter
	// Simulator is the vendor. It implements [Callbacks] where the vendor sends
	// any. Where the vendor keeps a log of events, every order that is accepted is
	// in it at once.
	Simulator Simulator
	// Secrets are the credentials, none of which may show up in an error, a
	// URL or a printed adapter. What is sent in the header Authorization counts as one
	// by itself, in the form that Basic gives to user and password, too.
	Secrets []string
	// Templates are ids that the vendor knows. Without them no template is ordered:
	// that content is then declared and not tested.
	Templates postproof.TemplateIDs
	// Uploads is true when the vendor takes artwork as files. Otherwise PDF and
	// images are ordered by URL only.
	Uploads bool
	// Refusal returns the body with which the vendor itself refuses a request with the
	// status, 400 to 422, as its documentation has it. By it the suite tells an adapter
	// that knows its vendor's words from one that takes every answer for somebody else's.
	// Nil leaves it at an answer of many fields, {"error":{"code":"invalid",…}}, which is
	// in the words of some vendors.
	Refusal func(status int) []byte
	// CallbackSecrets are three good secrets for NewVerifier, in the vendor's form,
	// each another one; a Callbacks simulator is given the same texts. The default
	// suits the schemes whose secret is a text, and the shared secrets of Standard
	// Webhooks. Where the vendor signs with a private key they are the public keys,
	// to each of which the simulator has the private one.
	CallbackSecrets []string
}

// Simulator is a vendor for tests: its API as an [http.Handler], and the truth
// about what it accepted.
type Simulator interface {
	http.Handler
	// Orders returns how many orders with the reference it has ever accepted. A draft
	// that nobody ordered is none.
	Orders(ref string) int
	// Alive returns how many of them it would print.
	Alive(ref string) int
	// Advance moves the vendor's clock on, and with it every piece from status to
	// status: within ten days one that nobody stopped is in another.
	Advance(d time.Duration)
}

// Callbacks is implemented by a [Simulator] whose vendor sends callbacks.
type Callbacks interface {
	// Callback returns the callback that the vendor sends about the newest event
	// of the order with the reference, signed with the secret at the time given.
	// An event has the same id each time.
	Callback(ref, secret string, at time.Time) (http.Header, []byte)
}

// AccountCallbacks is implemented by [Callbacks] whose vendor also tells of what
// is no piece of mail: an address, a template, the state of the account.
type AccountCallbacks interface {
	// AccountCallback returns such a callback, signed as one of Callback's.
	AccountCallback(secret string, at time.Time) (http.Header, []byte)
}
