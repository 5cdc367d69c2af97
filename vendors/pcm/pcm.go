package pcm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// Name is the vendor's name in errors, metrics, receipts and template ids.
const Name = "pcm"

// DefaultBaseURL is where PCM serves the API, for both modes.
const DefaultBaseURL = "https://v3.pcmintegrations.com"

// maxChildRef is the longest childRefNbr that PCM takes.
const maxChildRef = 50

// Adapter mails through one PCM account and mode. Make one with [New]. It
// implements [vendors.Adapter], [vendors.Getter], [vendors.Finder],
// [vendors.Canceler], [vendors.Lister] and [vendors.UndeliverableLister], and is
// safe for concurrent use.
type Adapter struct {
	base     string
	key      string
	secret   string
	child    string
	envelope string
	stock    string
	account  vendors.Account
	caps     *postproof.Capabilities
	tokens   *tokenCache
}

var (
	_ vendors.Adapter  = (*Adapter)(nil)
	_ vendors.Getter   = (*Adapter)(nil)
	_ vendors.Finder   = (*Adapter)(nil)
	_ vendors.Canceler = (*Adapter)(nil)
	_ vendors.Lister   = (*Adapter)(nil)

	_ vendors.UndeliverableLister = (*Adapter)(nil)
)

// Option changes how [New] builds an adapter.
type Option interface{ apply(*settings) }

type settings struct {
	base     string
	child    string
	account  string
	envelope string
	stock    string
	clock    postproof.Clock
}

type optionFunc func(*settings)

func (f optionFunc) apply(s *settings) { f(s) }

// WithBaseURL sends requests to another server, an absolute URL. Credentials
// of mode live go over https only, except to this machine.
func WithBaseURL(base string) Option {
	return optionFunc(func(s *settings) { s.base = base })
}

// WithChildRef logs in to a child app, by its reference of at most 50
// characters.
func WithChildRef(ref string) Option {
	return optionFunc(func(s *settings) { s.child = ref })
}

// WithAccount names the account. The name becomes its fingerprint in place of
// the key, so that the pair can be replaced while pieces are in flight; while none is
// unknown, since nothing documents that a reference used with one pair is refused
// with another one. The secret alone may be rotated without a name. It must be another
// name for each account; a child app ([WithChildRef]) is an account of its own under
// the same name.
//
// What was submitted before the account got this name, or under a former key, is
// that of another account until the client is told that it is the same: see
// FormerAccounts of the client's VendorConfig, which takes the Account().Fingerprint
// of an adapter without the name and with that key.
func WithAccount(name string) Option {
	return optionFunc(func(s *settings) { s.account = name })
}

// WithEnvelope sets the envelope of letters: doubleWindow (the default),
// fullWindow, Regular or BiFold.
func WithEnvelope(kind string) Option {
	return optionFunc(func(s *settings) { s.envelope = kind })
}

// WithLetterStock sets the paper of letters: Regular (the default), Cougar80
// or Husky70.
func WithLetterStock(stock string) Option {
	return optionFunc(func(s *settings) { s.stock = stock })
}

// WithClock sets the clock by which tokens age. The default is the machine's.
func WithClock(clock postproof.Clock) Option {
	return optionFunc(func(s *settings) { s.clock = clock })
}

// New returns an adapter for a pair of API key and secret. PCM's sandbox and
// production pairs look alike, so the mode must be said: ModeTest with a
// production pair prints. It talks to nobody. An error has
// [postproof.CodeInvalidArgument] and quotes no credential.
func New(apiKey, apiSecret string, mode postproof.Mode, opts ...Option) (*Adapter, error) {
	s := settings{base: DefaultBaseURL, envelope: "doubleWindow", stock: "Regular", clock: postproof.SystemClock()}
	wrong := func(err error) error {
		return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Vendor: Name, Op: "new", Err: err}
	}
	for i, o := range opts {
		if o == nil {
			return nil, wrong(fmt.Errorf("option %d is nil: leave it out", i))
		}
		o.apply(&s)
	}
	if err := validate(apiKey, apiSecret, mode, &s); err != nil {
		return nil, wrong(err)
	}
	identity := apiKey
	if s.account != "" {
		identity = "account\x00" + s.account // never the fingerprint of a key that reads alike
	}
	return &Adapter{
		base: strings.TrimSuffix(s.base, "/"),
		key:  apiKey, secret: apiSecret, child: s.child,
		envelope: s.envelope, stock: s.stock,
		// The secret is what PCM lets its owner rotate without a new key.
		account: vendors.Account{Fingerprint: vendors.Fingerprint(Name, identity, s.child, string(mode)), Mode: mode, Unnamed: s.account == ""},
		caps:    capabilities(),
		tokens:  &tokenCache{clock: s.clock},
	}, nil
}

func validate(key, secret string, mode postproof.Mode, s *settings) error {
	switch {
	case key == "":
		return errors.New("the API key is empty: generate a pair in the portal, under My Account, API Keys")
	case secret == "":
		return errors.New("the API secret is empty: it is shown once, when the pair is generated")
	case strings.ContainsFunc(key+secret, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the API key or secret is malformed: it holds a space, a line break or a character that is not ASCII")
	case mode.Validate() != nil:
		return fmt.Errorf("mode: say %q for a Sandbox pair, %q for a Production pair; the pair does not tell", postproof.ModeTest, postproof.ModeLive)
	case len(s.child) > maxChildRef:
		return fmt.Errorf("child reference: %d characters, at most %d are allowed", len(s.child), maxChildRef)
	case s.clock == nil:
		return errors.New("clock: nil")
	}
	switch s.envelope {
	case "doubleWindow", "fullWindow", "Regular", "BiFold":
	default:
		return errors.New("envelope: want doubleWindow, fullWindow, Regular or BiFold")
	}
	switch s.stock {
	case "Regular", "Cougar80", "Husky70":
	default:
		return errors.New("letter stock: want Regular, Cougar80 or Husky70")
	}
	return vendors.CheckBaseURL(s.base, DefaultBaseURL, mode)
}

// Capabilities implements [vendors.Adapter].
func (a *Adapter) Capabilities() *postproof.Capabilities { return a.caps }

// Account implements [vendors.Adapter].
func (a *Adapter) Account() vendors.Account { return a.account }

// String names the adapter without its credentials.
func (a *Adapter) String() string { return Name + "(" + string(a.account.Mode) + ")" }

// GoString keeps %#v from printing credentials.
func (a *Adapter) GoString() string { return "pcm.Adapter{" + a.String() + "}" }
