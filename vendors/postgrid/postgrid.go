package postgrid

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// Name is the vendor's name in errors, metrics, receipts and template ids.
const Name = "postgrid"

// DefaultBaseURL is where PostGrid serves the API, for both modes.
const DefaultBaseURL = "https://api.postgrid.com/print-mail/v1"

// Adapter mails through one PostGrid account and mode. Make one with [New]. It
// implements [vendors.Adapter], [vendors.Getter], [vendors.Finder],
// [vendors.Canceler], [vendors.Lister], [vendors.EventLister],
// [vendors.CallbackParser] and [vendors.CallbackVerifier], and is safe for
// concurrent use.
type Adapter struct {
	base    string
	key     string
	keyed   bool
	account vendors.Account
	caps    *postproof.Capabilities
}

var (
	_ vendors.Adapter          = (*Adapter)(nil)
	_ vendors.Getter           = (*Adapter)(nil)
	_ vendors.Finder           = (*Adapter)(nil)
	_ vendors.Canceler         = (*Adapter)(nil)
	_ vendors.Lister           = (*Adapter)(nil)
	_ vendors.EventLister      = (*Adapter)(nil)
	_ vendors.CallbackParser   = (*Adapter)(nil)
	_ vendors.CallbackVerifier = (*Adapter)(nil)
)

// Option changes how [New] builds an adapter.
type Option interface{ apply(*settings) }

type settings struct {
	base    string
	account string
	keyed   bool
}

type optionFunc func(*settings)

func (f optionFunc) apply(s *settings) { f(s) }

// WithBaseURL sends requests to another server: an absolute URL that ends in
// the version's path, as [DefaultBaseURL] does. A live key goes over https
// only, except to this machine.
func WithBaseURL(base string) Option {
	return optionFunc(func(s *settings) { s.base = base })
}

// WithAccount names the account. The name becomes its fingerprint in place of
// the key, so that the key can be rotated while pieces are in flight; while none is
// unknown, since nothing documents that an idempotency key sent with one API key
// counts with another one. It must be another name for each account. PostGrid keeps a
// former key active for 24 hours (its "Print and Mail FAQ").
//
// What was submitted before the account got this name, or under a former key, is
// that of another account until the client is told that it is the same: see
// FormerAccounts of the client's VendorConfig, which takes the Account().Fingerprint
// of an adapter without the name and with that key.
func WithAccount(name string) Option {
	return optionFunc(func(s *settings) { s.account = name })
}

// WithIdempotencyKeys declares that the account's owner has verified that
// PostGrid returns the first order for a repeated Idempotency-Key on orders, for
// 24 hours. Each submission then carries one, and an unknown outcome is resolved
// by sending again. Where PostGrid ignores the key, that prints a second piece.
func WithIdempotencyKeys() Option {
	return optionFunc(func(s *settings) { s.keyed = true })
}

// New returns an adapter for an API key; test_sk_… or live_sk_… decides the
// mode. It talks to nobody. An error has [postproof.CodeInvalidArgument] and
// does not quote the key.
func New(apiKey string, opts ...Option) (*Adapter, error) {
	s := settings{base: DefaultBaseURL}
	for i, o := range opts {
		if o == nil {
			return nil, invalid(fmt.Errorf("option %d is nil: leave it out", i))
		}
		o.apply(&s)
	}
	mode, err := modeOf(apiKey)
	if err != nil {
		return nil, invalid(err)
	}
	if err := s.validate(mode); err != nil {
		return nil, invalid(err)
	}
	identity := apiKey
	if s.account != "" {
		identity = "account\x00" + s.account + "\x00" + string(mode)
	}
	return &Adapter{
		base: strings.TrimSuffix(s.base, "/"), key: apiKey, keyed: s.keyed,
		account: vendors.Account{Fingerprint: vendors.Fingerprint(Name, identity), Mode: mode, Unnamed: s.account == ""},
		caps:    capabilities(s.keyed),
	}, nil
}

func invalid(err error) error {
	return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Vendor: Name, Op: "new", Err: err}
}

func modeOf(key string) (postproof.Mode, error) {
	mode, rest, found := strings.Cut(key, "_sk_")
	switch {
	case key == "":
		return "", errors.New("the API key is empty: use the one that begins with test_sk_ or live_sk_")
	case !found || (mode != string(postproof.ModeTest) && mode != string(postproof.ModeLive)):
		return "", errors.New("the API key begins with neither test_sk_ nor live_sk_: is it the key of another service?")
	case rest == "" || strings.ContainsFunc(rest, notWordRune):
		return "", errors.New("the API key is malformed: after test_sk_ or live_sk_ come letters and digits only, without spaces or line breaks")
	}
	return postproof.Mode(mode), nil
}

func notWordRune(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_'
}

func (s *settings) validate(mode postproof.Mode) error {
	return vendors.CheckBaseURL(s.base, DefaultBaseURL, mode)
}

// Capabilities implements [vendors.Adapter].
func (a *Adapter) Capabilities() *postproof.Capabilities { return a.caps }

// Account implements [vendors.Adapter].
func (a *Adapter) Account() vendors.Account { return a.account }

// String names the adapter without its key.
func (a *Adapter) String() string { return Name + "(" + string(a.account.Mode) + ")" }

// GoString keeps %#v from printing the key.
func (a *Adapter) GoString() string { return "postgrid.Adapter{" + a.String() + "}" }

// header returns the fields of a request. An idempotency key is not for those
// who have not verified it: net/http takes its presence for leave to repeat a
// POST by itself.
func (a *Adapter) header(idempotencyKey string) http.Header {
	h := http.Header{"X-Api-Key": {a.key}, "Accept": {"application/json"}}
	if idempotencyKey != "" {
		h["Idempotency-Key"] = []string{idempotencyKey}
	}
	return h
}

// read returns a request without a body. A path and a route begin with a slash.
func (a *Adapter) read(op postproof.Op, path, route string, check func([]byte) error) *vendors.Request {
	return &vendors.Request{
		Op: op, Class: postproof.RepeatSafe,
		Method: http.MethodGet, URL: a.base + path, Route: "/print-mail/v1" + route,
		Header: a.header(""), Judge: judge(op, check),
	}
}

// product is how PostGrid spells a kind of piece.
type product struct {
	kind   postproof.PieceKind
	path   string
	prefix string // of ids
	object string
}

func products() []product {
	return []product{
		{postproof.KindPostcard, "/postcards", "postcard_", "postcard"},
		{postproof.KindLetter, "/letters", "letter_", "letter"},
		{postproof.KindSelfMailer, "/self_mailers", "self_mailer_", "self_mailer"},
	}
}

// maxID is longer than any id seen; a longer one is not an id.
const maxID = 64

// productOf returns the kind of piece that an id names.
func productOf(id string) (product, bool) {
	for _, p := range products() {
		if rest, ok := strings.CutPrefix(id, p.prefix); ok && rest != "" && len(id) <= maxID && !strings.ContainsFunc(rest, notWordRune) {
			return p, true
		}
	}
	return product{}, false
}

func productFor(kind postproof.PieceKind) (product, bool) {
	for _, p := range products() {
		if p.kind == kind {
			return p, true
		}
	}
	return product{}, false
}

// productByID keeps what is no id of PostGrid from becoming part of a URL.
func productByID(op postproof.Op, id string) (product, error) {
	p, ok := productOf(id)
	if !ok {
		return p, &postproof.Error{
			Code: postproof.CodeNotFound, Delivery: postproof.NotSent, Vendor: Name, Op: string(op),
			Err: errors.New("this is no id of postgrid: want postcard_…, letter_… or self_mailer_…"),
		}
	}
	return p, nil
}
