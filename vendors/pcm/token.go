package pcm

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// defaultLifetime is that of a token whose expiry cannot be read; PCM states
// none.
const defaultLifetime = 55 * time.Minute

// tokenCache holds the token and lets one caller at a time renew it.
type tokenCache struct {
	clock postproof.Clock

	mu       sync.Mutex // never held while talking to the vendor
	token    string
	until    time.Time
	inflight *login
}

// login is one in progress. Its result is shared by those who wait, unless
// the caller who made it gave up, or panicked.
type login struct {
	done      chan struct{}
	err       error
	abandoned bool
}

// get returns a token that is not stale, after a login by this caller or
// another when there is none.
func (c *tokenCache) get(ctx context.Context, stale string, renew func() (string, time.Duration, error)) (string, error) {
	for {
		c.mu.Lock()
		if c.token != "" && c.token != stale && c.clock.Now().Before(c.until) {
			token := c.token
			c.mu.Unlock()
			return token, nil
		}
		other := c.inflight
		if other == nil {
			own := &login{done: make(chan struct{})}
			c.inflight = own
			c.mu.Unlock()
			return c.renew(ctx, own, renew)
		}
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-other.done:
			if other.err != nil && !other.abandoned {
				return "", other.err
			}
		}
	}
}

// errNoReturn is the error of a login that panicked, in what is below: those who
// wait for it must not wait for ever.
var errNoReturn = errors.New("the login did not return")

func (c *tokenCache) renew(ctx context.Context, own *login, renew func() (string, time.Duration, error)) (token string, err error) {
	var lifetime time.Duration
	started := c.clock.Now()
	err = errNoReturn
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inflight = nil
		if err == nil {
			// A tenth early, at most five minutes, so that it does not expire on
			// the way.
			c.token, c.until = token, started.Add(lifetime-min(lifetime/10, 5*time.Minute))
		} else {
			c.token = ""
		}
		own.err, own.abandoned = err, ctx.Err() != nil || errors.Is(err, errNoReturn)
		close(own.done)
	}()
	token, lifetime, err = renew()
	return token, err
}

// token returns a token for a request of the operation. Nothing of that
// request was sent when it fails: the error says so.
func (a *Adapter) token(ctx context.Context, do vendors.Doer, op postproof.Op, stale string) (string, error) {
	token, err := a.tokens.get(ctx, stale, func() (string, time.Duration, error) { return a.login(ctx, do) })
	if err != nil {
		return "", &postproof.Error{
			Code: postproof.CodeOf(err), Delivery: postproof.NotSent, Vendor: Name, Op: string(op),
			RetryAfter: postproof.RetryAfterOf(err), Err: err,
		}
	}
	return token, nil
}

type loginRequest struct {
	APIKey      string `json:"apiKey"`
	APISecret   string `json:"apiSecret"`
	ChildRefNbr string `json:"childRefNbr,omitempty"`
}

type loginAnswer struct {
	Token   string `json:"token"`
	Expires string `json:"expires"`
}

func (a *Adapter) login(ctx context.Context, do vendors.Doer) (string, time.Duration, error) {
	document, err := marshal(loginRequest{a.key, a.secret, a.child})
	if err != nil {
		return "", 0, encodeError(postproof.CodeInternal, errors.New("encode the login"))
	}
	req := &vendors.Request{
		Op: postproof.OpLogin, Class: postproof.RepeatSafe,
		Method: http.MethodPost, URL: a.base + "/auth/login", Route: "/auth/login",
		Header: http.Header{"Accept": {"application/json"}},
		Judge: func(r *vendors.Response) error {
			if r.Status < 200 || r.Status > 299 {
				return loginRefusal(r)
			}
			if _, ok := parseLogin(r.Body); !ok {
				return unreadable(postproof.OpLogin, r)
			}
			return nil
		},
	}
	req.SetBody(vendors.JSONBody("pcm-login/1", document))
	resp, err := do.Do(ctx, req)
	if err != nil {
		return "", 0, err
	}
	answer, ok := parseLogin(resp.Body)
	if !ok {
		return "", 0, unreadable(postproof.OpLogin, resp)
	}
	return answer.Token, a.lifetime(answer, resp), nil
}

// loginRefusal reads 404 as PCM means it here: the pair is not known.
func loginRefusal(r *vendors.Response) error {
	e := refusal(postproof.OpLogin, r)
	if e.Code == postproof.CodeNotFound {
		e.Code = postproof.CodeUnauthenticated
	}
	return e
}

func parseLogin(raw []byte) (loginAnswer, bool) {
	var answer loginAnswer
	if json.Unmarshal(raw, &answer) != nil || answer.Token == "" || !plain(answer.Token) {
		return loginAnswer{}, false
	}
	return answer, true
}

// plain reports whether a token can stand in a header.
func plain(token string) bool {
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return false
		}
	}
	return true
}

// lifetime counts by the vendor's clock where it shows one: ours may differ.
func (a *Adapter) lifetime(answer loginAnswer, resp *vendors.Response) time.Duration {
	expires := parseTime(answer.Expires)
	if expires.IsZero() {
		return defaultLifetime
	}
	now := resp.Time()
	if now.IsZero() {
		now = a.tokens.clock.Now()
	}
	return max(expires.Sub(now), 0)
}
