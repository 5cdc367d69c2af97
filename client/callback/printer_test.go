package callback_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/pipe"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/signature"
)

// printer is a vendor in memory, which signs its callbacks.
type printer struct {
	name string
	mode postproof.Mode
	key  string
	caps postproof.Capabilities
	// fault is asked at each order: "lose" takes it and drops the answer.
	fault func(n int) string
	// hang, when set, is waited for before an order is answered.
	hang chan struct{}

	lis    *pipe.Listener
	mu     sync.Mutex
	orders []*order
	gets   int
}

type order struct {
	ID     string `json:"id"`
	Ref    string `json:"ref"`
	Status string `json:"status"`
}

// serve serves on a pipe until the test ends.
func serve(t *testing.T, h http.Handler) *pipe.Listener {
	t.Helper()
	lis := pipe.New()
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(lis) }()
	t.Cleanup(func() { _ = srv.Close() })
	return lis
}

func newPrinter(t *testing.T, tune ...func(*postproof.Capabilities)) *printer {
	t.Helper()
	p := account(tune...)
	p.lis = serve(t, p)
	return p
}

// account is a printer that nobody serves: its callbacks can be read all the
// same.
func account(tune ...func(*postproof.Capabilities)) *printer {
	p := &printer{name: "printer", mode: postproof.ModeTest, key: "k"}
	p.caps = postproof.Capabilities{
		Vendor: p.name, Countries: []string{"US"}, Poll: 100 * time.Hour,
		Pieces: []postproof.PieceSupport{{
			Kind: postproof.KindPostcard, Sizes: []postproof.Size{postproof.Size4x6()},
			Classes: []postproof.MailClass{postproof.FirstClass}, Content: []postproof.ContentKind{postproof.ContentHTML},
		}},
		Callbacks: postproof.Callbacks{Auth: postproof.CallbackSigned, EventIDs: true, CarryRef: true, AnswerWithin: 20 * time.Second},
	}
	for _, f := range tune {
		f(&p.caps)
	}
	return p
}

func (p *printer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in order
	_ = json.NewDecoder(r.Body).Decode(&in)
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.URL.Path == "/get" {
		p.gets++
		for _, o := range p.orders {
			if o.ID == r.URL.Query().Get("id") {
				_ = json.NewEncoder(w).Encode(o)
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
		return
	}
	o := &order{ID: fmt.Sprintf("psc_%d", len(p.orders)+1), Ref: in.Ref, Status: "accepted"}
	p.orders = append(p.orders, o)
	if p.hang != nil {
		p.mu.Unlock()
		<-p.hang
		p.mu.Lock()
	}
	if p.fault != nil && p.fault(len(p.orders)) == "lose" {
		panic(http.ErrAbortHandler)
	}
	_ = json.NewEncoder(w).Encode(o)
}

func (p *printer) order(i int) *order {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := *p.orders[i]
	return &o
}

func (p *printer) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gets
}

func (p *printer) Capabilities() *postproof.Capabilities { return &p.caps }

func (p *printer) Account() vendors.Account {
	return vendors.Account{Fingerprint: vendors.Fingerprint(p.name, p.key), Mode: p.mode}
}

func (p *printer) Encode(_ context.Context, s *vendors.Submission) (*vendors.Body, error) {
	b, err := json.Marshal(order{Ref: string(s.Ref)})
	return vendors.JSONBody("printer/1", b), err
}

func (p *printer) do(ctx context.Context, do vendors.Doer, req *vendors.Request) (*vendors.Order, error) {
	req.URL = "http://printer" + req.Route
	resp, err := do.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	var o order
	if err := json.Unmarshal(resp.Body, &o); err != nil {
		return nil, postproof.NewError(postproof.CodeUnknown, postproof.Unknown, errors.New("unreadable answer"))
	}
	return o.sight(p.name), nil
}

func (o *order) sight(vendor string) *vendors.Order {
	return &vendors.Order{
		Receipt: postproof.Receipt{Vendor: vendor, VendorID: o.ID, Ref: postproof.Ref(o.Ref)},
		Status:  postproof.Status{Stage: postproof.Stage(o.Status), Raw: o.Status, Confidence: postproof.Reported},
		Dead:    o.Status == "canceled" || o.Status == "failed",
	}
}

func (p *printer) Submit(ctx context.Context, do vendors.Doer, _ *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	req := &vendors.Request{Op: postproof.OpSubmit, Method: http.MethodPost, Route: "/order", Header: http.Header{}}
	req.SetBody(body)
	return p.do(ctx, do, req)
}

func (p *printer) Get(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
	return p.do(ctx, do, &vendors.Request{Op: postproof.OpGet, Class: postproof.RepeatSafe, Method: http.MethodGet, Route: "/get?id=" + id})
}

// note is one event of a callback, as the printer sends it.
type note struct {
	ID     string    `json:"id,omitempty"`
	Piece  string    `json:"piece,omitempty"`
	Ref    string    `json:"ref,omitempty"`
	Status string    `json:"status"`
	Time   time.Time `json:"time,omitzero"`
	Mode   string    `json:"mode,omitempty"`
	Extra  string    `json:"extra,omitempty"`
}

func (p *printer) ParseCallback(_ http.Header, body []byte) ([]*vendors.Notice, error) {
	var in []json.RawMessage
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, errors.New("not a list of events"))
	}
	var out []*vendors.Notice
	for _, raw := range in {
		var n note
		if err := json.Unmarshal(raw, &n); err != nil {
			return nil, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, errors.New("not an event"))
		}
		if n.Status == "panic" {
			panic("ann@example.com")
		}
		out = append(out, &vendors.Notice{Event: postproof.Event{
			ID: n.ID, VendorID: n.Piece, Ref: postproof.Ref(n.Ref), Mode: postproof.Mode(n.Mode), Raw: raw,
			Status: postproof.Status{Stage: postproof.Stage(n.Status), Raw: n.Status, VendorTime: n.Time, Confidence: postproof.Reported},
		}})
	}
	return out, nil
}

// stamp is the verifier of the printer's scheme.
type stamp struct{ secrets []string }

func (p *printer) NewVerifier(secrets ...string) (vendors.Verifier, error) {
	for i, s := range secrets {
		if len(s) < 24 {
			return nil, fmt.Errorf("secret %d has %d characters, want 24", i, len(s))
		}
	}
	return &stamp{secrets}, nil
}

var errStamp = errors.New("signature is wrong")

func sign(secret string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.", at.Unix())
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func (s *stamp) Verify(h http.Header, body []byte, at time.Time) error {
	n, err := strconv.ParseInt(h.Get("Printer-Time"), 10, 64)
	if err != nil || h.Get("Printer-Signature") == "" {
		return postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, errors.New("no signature"))
	}
	for _, secret := range s.secrets {
		if !hmac.Equal([]byte(sign(secret, time.Unix(n, 0), body)), []byte(h.Get("Printer-Signature"))) {
			continue
		}
		switch d := at.Sub(time.Unix(n, 0)); {
		case d > 5*time.Minute:
			return signature.ErrStale
		case d < -5*time.Minute:
			return signature.ErrFuture
		}
		return nil
	}
	return errStamp
}
