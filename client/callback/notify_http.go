package callback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/signature"
)

// HTTPNotifier posts alerts as JSON, signed as the Standard Webhooks
// specification has it, to a service of yours: any library for
// www.standardwebhooks.com verifies them, and [signature.StandardWebhooks] does.
// Their id is the alert's, the same when one is repeated. Make one with
// [NewHTTPNotifier]; a zero HTTPNotifier posts nothing. It is safe for concurrent
// use, and prints without its URL and secrets.
type HTTPNotifier struct {
	// Client posts the alerts. Default: one of its own, which follows no
	// redirects. Set it before the first alert, if at all.
	Client *http.Client
	// Clock is the time that is signed. Default: the machine's.
	Clock postproof.Clock

	// Both are closures, not strings: what prints structs does not print them.
	to   func() string
	sign func(id string, body []byte, at time.Time) (http.Header, error)
}

// NewHTTPNotifier returns a notifier that posts to the URL, http or https, and
// signs with each of the secrets: at least one, "whsec_…" or "whsk_…", as
// [signature.StandardWebhooks.Sign] takes them. To rotate, give the old one and
// the new one until the receiver has the new one. The error says what is wrong
// with which of them, and holds none.
func NewHTTPNotifier(to string, secrets ...string) (*HTTPNotifier, error) {
	bad := func(err error) (*HTTPNotifier, error) {
		return nil, &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Op: "new HTTP notifier", Err: err}
	}
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return bad(errors.New("want an absolute http or https URL")) // its text may hold a token
	}
	secrets = append([]string(nil), secrets...)
	n := &HTTPNotifier{
		to: func() string { return to },
		sign: func(id string, body []byte, at time.Time) (http.Header, error) {
			return signature.StandardWebhooks{}.Sign(id, body, at, secrets...)
		},
	}
	if _, err := n.sign("msg_probe", nil, time.Unix(1e9, 0)); err != nil {
		return bad(err)
	}
	return n, nil
}

// String says what it is.
func (n *HTTPNotifier) String() string { return "callback.HTTPNotifier" }

// GoString is String, for %#v.
func (n *HTTPNotifier) GoString() string { return n.String() }

// LogValue implements [slog.LogValuer] with String.
func (n *HTTPNotifier) LogValue() slog.Value { return slog.StringValue(n.String()) }

// Notify implements [Notifier]. An answer other than a 2xx is an error.
func (n *HTTPNotifier) Notify(ctx context.Context, a Alert) error {
	const op = "notify"
	if n.sign == nil {
		return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Op: op, Err: errors.New("the HTTPNotifier was not made by NewHTTPNotifier: an alert that nobody can verify is not sent")}
	}
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode alert: %w", err)
	}
	clock := n.Clock
	if clock == nil {
		clock = postproof.SystemClock()
	}
	header, err := n.sign("msg_"+a.ID, body, clock.Now())
	if err != nil {
		return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Op: op, Err: fmt.Errorf("sign alert: %w", err)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.to(), bytes.NewReader(body))
	if err != nil {
		return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Op: op, Err: errors.New("the URL of the HTTPNotifier is wrong")}
	}
	req.Header = header
	req.Header.Set("Content-Type", "application/json")
	c := n.Client
	if c == nil {
		c = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	resp, err := c.Do(req) //nolint:gosec // the URL is the owner's own
	if err != nil {
		return &postproof.Error{Code: postproof.CodeUnavailable, Delivery: postproof.Unknown, Op: op, Err: errors.New("the alert could not be posted")}
	}
	defer resp.Body.Close()                                       // after it was read; nothing can fail that matters
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // to keep the connection
	if resp.StatusCode/100 != 2 {
		return &postproof.Error{Code: postproof.CodeUnavailable, Delivery: postproof.Unknown, Op: op, HTTPStatus: resp.StatusCode, Err: errors.New("the alert was not taken")}
	}
	return nil
}
