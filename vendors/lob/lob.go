package lob

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// Name is the vendor's name in errors, metrics, receipts and template ids.
const Name = "lob"

// DefaultBaseURL is where Lob serves the API, for both modes.
const DefaultBaseURL = "https://api.lob.com/v1"

// Versions of the API that the adapter asks for. Letters have a newer one,
// since which their size can be stated.
const (
	generalVersion = "2020-02-11"
	letterVersion  = "2024-01-01"
)

// UseType says what a piece is for. Lob asks for it by law.
type UseType string

// The use types.
const (
	Marketing   UseType = "marketing"
	Operational UseType = "operational"
)

// Adapter mails through one Lob account and mode. Make one with [New]. It
// implements [vendors.Adapter], [vendors.Getter], [vendors.Finder],
// [vendors.Canceler], [vendors.Lister], [vendors.CallbackVerifier] and
// [vendors.CallbackParser], and is safe for concurrent use.
type Adapter struct {
	base    string
	auth    string
	account vendors.Account
	useType UseType
	version string
	// tolerance is between the time that a callback is signed with and that of
	// its receipt.
	tolerance time.Duration
	caps      *postproof.Capabilities
}

var (
	_ vendors.Adapter  = (*Adapter)(nil)
	_ vendors.Getter   = (*Adapter)(nil)
	_ vendors.Finder   = (*Adapter)(nil)
	_ vendors.Canceler = (*Adapter)(nil)
	_ vendors.Lister   = (*Adapter)(nil)

	_ vendors.CallbackVerifier = (*Adapter)(nil)
	_ vendors.CallbackParser   = (*Adapter)(nil)
)

// Option changes how [New] builds an adapter.
type Option interface{ apply(*settings) }

type settings struct {
	base      string
	useType   UseType
	version   string
	account   string
	tolerance time.Duration
}

type optionFunc func(*settings)

func (f optionFunc) apply(s *settings) { f(s) }

// WithBaseURL sends requests to another server: an absolute URL that ends in
// the version's path, as [DefaultBaseURL] does. A live key goes over https
// only, except to this machine.
func WithBaseURL(base string) Option {
	return optionFunc(func(s *settings) { s.base = base })
}

// WithUseType declares what the pieces are for. Without it Lob applies the
// account's default, and refuses every piece when the account has none.
func WithUseType(t UseType) Option {
	return optionFunc(func(s *settings) { s.useType = t })
}

// WithVersion asks for a version of the API, as in "2024-01-01", for all
// kinds of pieces. The default is 2020-02-11, and 2024-01-01 for letters. A
// version before 2024-01-01 prints letters of size us_letter only. Lob refuses
// a version that is older than the account's.
func WithVersion(version string) Option {
	return optionFunc(func(s *settings) { s.version = version })
}

// WithAccount names the account. The name becomes its fingerprint in place of
// the key, so that the key can be rotated while pieces are in flight; while none is
// unknown, since nothing documents that an idempotency key sent with one API key
// counts with another one. It must be another name for each account.
//
// What was submitted before the account got this name, or under a former key, is
// that of another account until the client is told that it is the same: see
// FormerAccounts of the client's VendorConfig, which takes the Account().Fingerprint
// of an adapter without the name and with that key.
func WithAccount(name string) Option {
	return optionFunc(func(s *settings) { s.account = name })
}

// WithCallbackTolerance sets how far the time that Lob signed a callback with
// may be from the time of its receipt, on either side. The default, and the
// meaning of 0, is that of package signature: five minutes. Lob does not say
// whether a callback is signed anew when it is repeated.
func WithCallbackTolerance(d time.Duration) Option {
	return optionFunc(func(s *settings) { s.tolerance = d })
}

// New returns an adapter for a secret API key; test_… or live_… decides the
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
		base:    strings.TrimSuffix(s.base, "/"),
		auth:    "Basic " + base64.StdEncoding.EncodeToString([]byte(apiKey+":")),
		account: vendors.Account{Fingerprint: vendors.Fingerprint(Name, identity), Mode: mode, Unnamed: s.account == ""},
		useType: s.useType,
		version: s.version,

		tolerance: s.tolerance,
		caps:      capabilities(),
	}, nil
}

func invalid(err error) error {
	return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Vendor: Name, Op: "new", Err: err}
}

func modeOf(key string) (postproof.Mode, error) {
	mode, rest, found := strings.Cut(key, "_")
	switch {
	case key == "":
		return "", errors.New("the API key is empty: use the secret key that begins with test_ or live_")
	case !found || (mode != string(postproof.ModeTest) && mode != string(postproof.ModeLive)):
		return "", errors.New("the API key begins with neither test_ nor live_: is it the key of another service?")
	case strings.HasPrefix(rest, "pub"):
		return "", errors.New("this is a publishable key, which can only verify addresses: use the secret key")
	case rest == "" || !isWord(rest, ""):
		return "", errors.New("the API key is malformed: after test_ or live_ come letters and digits only, without spaces or line breaks")
	}
	return postproof.Mode(mode), nil
}

// isWord reports whether s has only letters, digits, underscores and the other
// characters given, or is empty.
func isWord(s, others string) bool {
	for i := range len(s) {
		if b := s[i]; (b < '0' || b > '9') && (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && b != '_' && strings.IndexByte(others, b) < 0 {
			return false
		}
	}
	return true
}

func (s *settings) validate(mode postproof.Mode) error {
	if err := vendors.CheckBaseURL(s.base, DefaultBaseURL, mode); err != nil {
		return err
	}
	switch s.useType {
	case "", Marketing, Operational:
	default:
		return fmt.Errorf("use type: want %q or %q", Marketing, Operational)
	}
	if s.tolerance < 0 {
		return errors.New("callback tolerance: want no less than 0")
	}
	if s.version != "" && !isDate(s.version) {
		return errors.New("version: want a date such as 2024-01-01")
	}
	return nil
}

func isDate(s string) bool {
	if len(s) != len("2006-01-02") {
		return false
	}
	for i := range len(s) {
		if dash := i == 4 || i == 7; dash != (s[i] == '-') || (!dash && (s[i] < '0' || s[i] > '9')) {
			return false
		}
	}
	return true
}

// Capabilities implements [vendors.Adapter].
func (a *Adapter) Capabilities() *postproof.Capabilities { return a.caps }

// Account implements [vendors.Adapter].
func (a *Adapter) Account() vendors.Account { return a.account }

// String names the adapter without its key.
func (a *Adapter) String() string { return Name + "(" + string(a.account.Mode) + ")" }

// GoString keeps %#v from printing the key.
func (a *Adapter) GoString() string { return "lob.Adapter{" + a.String() + "}" }

// versionFor returns the API version to ask for.
func (a *Adapter) versionFor(kind postproof.PieceKind) string {
	switch {
	case a.version != "":
		return a.version
	case kind == postproof.KindLetter:
		return letterVersion
	default:
		return generalVersion
	}
}

// sizedLetters reports whether letters carry their size; before that version
// the field is an error.
func (a *Adapter) sizedLetters() bool { return a.versionFor(postproof.KindLetter) >= letterVersion }

// header returns the fields of a request; a key makes it a keyed one.
func (a *Adapter) header(kind postproof.PieceKind, key string) http.Header {
	values := [...]string{a.auth, "application/json", a.versionFor(kind), key} // one allocation for all
	h := http.Header{"Authorization": values[0:1:1], "Accept": values[1:2:2], "Lob-Version": values[2:3:3]}
	if key != "" {
		h["Idempotency-Key"] = values[3:4:4]
	}
	return h
}

// product is how Lob spells a kind of piece.
type product struct {
	kind   postproof.PieceKind
	path   string
	route  string // for spans and metrics
	prefix string // of ids
	object string
}

func products() [3]product {
	return [...]product{
		{postproof.KindPostcard, "postcards", "/v1/postcards", "psc_", "postcard"},
		{postproof.KindLetter, "letters", "/v1/letters", "ltr_", "letter"},
		{postproof.KindSelfMailer, "self_mailers", "/v1/self_mailers", "sfm_", "self_mailer"},
	}
}

// maxID is longer than any id seen; a longer one is not an id.
const maxID = 64

// productOf returns the kind of piece that an id names.
func productOf(id string) (product, bool) {
	for _, p := range products() {
		if rest, ok := strings.CutPrefix(id, p.prefix); ok && rest != "" && len(id) <= maxID && isWord(rest, "") {
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
