package callback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/postproof/postproof"
)

// HTTPNotifier posts alerts as JSON, signed as the Standard Webhooks
// specification has it, to a service of yours.
type HTTPNotifier struct {
	// URL is where alerts are posted.
	URL string
	// Sign returns the headers of a message with the id, body and time given:
	// Webhook-Id, Webhook-Timestamp and Webhook-Signature. Required.
	Sign func(id string, body []byte, at time.Time) (http.Header, error)
	// Client posts them. Default: one of its own, which follows no redirects.
	Client *http.Client
	// Clock is the time of the webhook-timestamp. Default: the machine's.
	Clock postproof.Clock
}

// Notify implements [Notifier]. An answer other than a 2xx is an error.
func (n *HTTPNotifier) Notify(ctx context.Context, a Alert) error {
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode alert: %w", err)
	}
	if n.Sign == nil {
		return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Op: "notify", Err: errors.New("HTTPNotifier has no Sign: an alert that nobody can verify is not sent")}
	}
	clock := n.Clock
	if clock == nil {
		clock = postproof.SystemClock()
	}
	at := clock.Now()
	signed, err := n.Sign("msg_"+a.ID, body, at)
	if err != nil {
		return fmt.Errorf("sign alert: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.URL, bytes.NewReader(body))
	if err != nil {
		return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Op: "notify", Err: errors.New("the URL of the HTTPNotifier is wrong")}
	}
	if signed != nil {
		req.Header = signed.Clone()
	}
	req.Header.Set("Content-Type", "application/json")
	c := n.Client
	if c == nil {
		c = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	resp, err := c.Do(req)
	if err != nil {
		return &postproof.Error{Code: postproof.CodeUnavailable, Delivery: postproof.Unknown, Op: "notify", Err: errors.New("the alert could not be posted")}
	}
	defer resp.Body.Close()                                       // after it was read; nothing can fail that matters
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // to keep the connection
	if resp.StatusCode/100 != 2 {
		return &postproof.Error{Code: postproof.CodeUnavailable, Delivery: postproof.Unknown, Op: "notify", HTTPStatus: resp.StatusCode, Err: errors.New("the alert was not taken")}
	}
	return nil
}
