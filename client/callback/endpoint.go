package callback

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// minToken is the shortest token of a vendor that signs nothing, in characters.
const minToken = 24

// unreserved are the characters that stand for themselves everywhere in a URL (RFC
// 3986). With a slash in it a token would be two elements of the path, with a plus in
// the query a blank: each callback would be refused, and nobody here would know why.
const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// Endpoint is one account whose vendor sends callbacks here.
type Endpoint struct {
	// Adapter is the account: its vendor, its fingerprint and its mode. It may
	// be another account than the client's, as the one of the test environment
	// whose callbacks come to the same URL: those are counted and ignored.
	Adapter vendors.Adapter
	// Name is the route, an element of a path. Accounts of one vendor may share
	// one: their secrets tell them apart. Default: the vendor's name.
	Name string
	// Secrets are all that are active: during a rotation, the old one and the new
	// one. Where the vendor signs nothing, they are tokens that its URL must
	// carry, of at least 24 letters, digits and -._~. See [Receiver.SetSecrets].
	Secrets []string
	// Allow are the addresses that the vendor sends from; empty means any.
	Allow []netip.Prefix
	// KeepHeaders names headers that the adapter needs to read a callback.
	// What it takes to verify one again is found out, and Content-Type is always
	// kept. Authorization and Cookie never are.
	KeepHeaders []string
	// Silence is how long the endpoint may say nothing although pieces wait for
	// news, before the owner is told. Default 72 hours; negative for never.
	Silence time.Duration
}

// route is what a URL stands for: a vendor, with one or more accounts.
type route struct {
	name     string
	vendor   string
	caps     *postproof.Capabilities
	parser   vendors.CallbackParser
	unsigned bool
	accounts []*account
	// maxBody is the longest body that is taken; tooLarge is when the owner was told last
	// of one that is longer, in nanoseconds.
	maxBody  int64
	tooLarge atomic.Int64
	marks    routeMarks
}

// account is one endpoint.
type account struct {
	route       *route
	fingerprint string
	mode        postproof.Mode
	verifiers   vendors.CallbackVerifier // nil when nothing is signed
	keys        atomic.Pointer[keys]
	allow       []netip.Prefix
	keep        []string
	silence     time.Duration
	// needed are the headers without which the last callback did not verify.
	needed atomic.Pointer[[]string]
	// seen is when the last callback was taken, in nanoseconds; refusals counts
	// those refused since, and offTime says that the last of them was refused for
	// its time alone.
	seen     atomic.Int64
	refusals atomic.Int64
	offTime  atomic.Bool
}

// keys are the active secrets.
type keys struct {
	verifier vendors.Verifier
	tokens   [][sha256.Size]byte
}

func (r *Receiver) add(e *Endpoint) error {
	if e.Adapter == nil {
		return errors.New("no adapter")
	}
	caps, acct := e.Adapter.Capabilities(), e.Adapter.Account()
	name := cmp.Or(e.Name, caps.Vendor)
	a := &account{
		fingerprint: acct.Fingerprint, mode: acct.Mode, allow: e.Allow, keep: e.KeepHeaders, silence: cmp.Or(e.Silence, 72*time.Hour),
	}
	parser, ok := e.Adapter.(vendors.CallbackParser)
	switch {
	case strings.ContainsAny(name, "/?#") || name == "":
		return fmt.Errorf("the name %q is no element of a path", name)
	case caps.Callbacks.Auth == postproof.CallbackNone:
		return fmt.Errorf("%s sends no callbacks: it is polled; leave it out", caps.Vendor)
	case !ok:
		return fmt.Errorf("the adapter of %s cannot read callbacks", caps.Vendor)
	}
	if caps.Callbacks.Auth == postproof.CallbackSigned {
		if a.verifiers, ok = e.Adapter.(vendors.CallbackVerifier); !ok {
			return fmt.Errorf("the adapter of %s cannot verify callbacks", caps.Vendor)
		}
	}
	rt := r.routes[name]
	if rt == nil {
		rt = &route{name: name, vendor: caps.Vendor, caps: caps, parser: parser, unsigned: a.verifiers == nil}
		rt.maxBody = cmp.Or(r.maxBody, max(usualBody, caps.Callbacks.MaxBytes))
	}
	a.route = rt
	key := accountKey{caps.Vendor, acct.Fingerprint}
	switch {
	case rt.vendor != caps.Vendor:
		return fmt.Errorf("the route %s is for %s and %s: give one of them another name", name, rt.vendor, caps.Vendor)
	case r.accounts[key] != nil:
		return fmt.Errorf("there is another endpoint for this account of %s: give one endpoint all its secrets", caps.Vendor)
	}
	k, err := a.keysOf(e.Secrets)
	if err != nil {
		return err
	}
	a.keys.Store(k)
	rt.accounts = append(rt.accounts, a)
	r.routes[name], r.accounts[key] = rt, a
	return nil
}

// keysOf checks secrets and makes them ready. An error never holds one.
func (a *account) keysOf(secrets []string) (*keys, error) {
	vendor := a.route.vendor
	if len(secrets) == 0 {
		what := "the signing secret that its dashboard shows for the webhook"
		if a.route.unsigned {
			what = fmt.Sprintf("a random token of at least %d characters, and give the vendor the URL that ends in it", minToken)
		}
		return nil, fmt.Errorf("no secrets for %s: set %s", vendor, what)
	}
	k := &keys{}
	for i, s := range secrets {
		switch {
		case strings.TrimSpace(s) == "":
			return nil, fmt.Errorf("secret %d for %s is empty: is the variable set that it is read from?", i, vendor)
		case strings.TrimSpace(s) != s:
			return nil, fmt.Errorf("secret %d for %s begins or ends with white space: cut it off, it is most likely a line break", i, vendor)
		case a.route.unsigned && len(s) < minToken:
			return nil, fmt.Errorf("token %d for %s has %d characters, want at least %d: make a new one from random bytes", i, vendor, len(s), minToken)
		case a.route.unsigned && strings.Trim(s, unreserved) != "":
			return nil, fmt.Errorf("token %d for %s has characters that a URL does not carry as they are: want letters, digits and -._~ only, as openssl rand -hex 24 makes them", i, vendor)
		}
		k.tokens = append(k.tokens, sha256.Sum256([]byte(s)))
	}
	for _, other := range a.route.accounts {
		if other == a {
			continue
		}
		for _, t := range other.keys.Load().tokens {
			for i := range k.tokens {
				if t == k.tokens[i] {
					return nil, fmt.Errorf("secret %d for %s is that of another account on the route %s: they could not be told apart; give each its own, or a route of its own", i, vendor, a.route.name)
				}
			}
		}
	}
	if a.verifiers == nil {
		return k, nil
	}
	v, err := a.verifiers.NewVerifier(secrets...)
	if err != nil {
		return nil, fmt.Errorf("secrets for %s: %w", vendor, err)
	}
	k.verifier = v
	return k, nil
}

// SetSecrets replaces the active secrets of an account, between two callbacks:
// none is refused in between. To rotate, set the old and the new one here, then
// change the vendor's side, then set the new one alone once the vendor has
// repeated what it had signed with the old one ([postproof.Callbacks.RetryFor]).
// Stored callbacks that an old secret signed cannot be verified again without
// it. The account is its fingerprint; it may be empty where the route has one
// only. On an error the secrets stay as they were.
func (r *Receiver) SetSecrets(name, accountFingerprint string, secrets ...string) error {
	const op = "set callback secrets"
	rt := r.routes[name]
	if rt == nil {
		return &postproof.Error{Code: postproof.CodeNotFound, Delivery: postproof.NotSent, Op: op, Err: fmt.Errorf("no endpoint has the name %q", name)}
	}
	for _, a := range rt.accounts {
		if a.fingerprint != accountFingerprint && (accountFingerprint != "" || len(rt.accounts) > 1) {
			continue
		}
		r.rotating.Lock()
		defer r.rotating.Unlock()
		k, err := a.keysOf(secrets)
		if err != nil {
			return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Op: op, Vendor: rt.vendor, Err: err}
		}
		a.keys.Store(k)
		return nil
	}
	return &postproof.Error{Code: postproof.CodeNotFound, Delivery: postproof.NotSent, Op: op, Vendor: rt.vendor, Err: errors.New("the route has no such account; name it by its fingerprint")}
}

// holds reports whether the token is one of the account's, in constant time.
func (k *keys) holds(token string) bool {
	sum := sha256.Sum256([]byte(token))
	found := 0
	for i := range k.tokens {
		found |= subtle.ConstantTimeCompare(k.tokens[i][:], sum[:])
	}
	return found == 1
}

// admits reports whether the sender's address is one of the account's.
func (a *account) admits(r *Receiver, req *http.Request) bool {
	if len(a.allow) == 0 {
		return true
	}
	from, ok := r.remote(req)
	if !ok {
		return false
	}
	for _, p := range a.allow {
		if p.Contains(from) {
			return true
		}
	}
	return false
}

// answerWithin is how long the vendor waits for the answer, less a margin.
func (rt *route) answerWithin() time.Duration {
	return cmp.Or(rt.caps.Callbacks.AnswerWithin, 20*time.Second) * 9 / 10
}
