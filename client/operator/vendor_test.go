package operator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/pipe"
	"github.com/postproof/postproof/vendors"
)

// printer is a vendor in memory that takes no key and cannot be looked up, but
// lists its orders: the vendor that leaves most to people.
type printer struct {
	name string

	mu     sync.Mutex
	orders []order
	// fault says what happens to the order of a reference: "", "lose" (it is taken,
	// and the answer is lost), "drop" (it never arrives), "refuse", "account".
	fault func(n int) string
	n     int
	lis   *pipe.Listener
	// keyed: it can be looked up.
	keyed bool
	down  bool
}

type order struct {
	ID   string    `json:"id"`
	Ref  string    `json:"ref"`
	Dead bool      `json:"dead,omitempty"`
	At   time.Time `json:"at"`
}

func newPrinter(t *testing.T, name string) *printer {
	t.Helper()
	p := &printer{name: name, lis: pipe.New()}
	srv := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(p.lis) }()
	t.Cleanup(func() { _ = srv.Close() })
	return p
}

func (p *printer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	p.mu.Lock()
	down := p.down
	p.mu.Unlock()
	if down {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: io.ErrClosedPipe}
	}
	return p.lis.Dial(ctx, network, addr)
}

func (p *printer) setFault(f func(n int) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.n = f, 0
}

func (p *printer) printed() []order {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]order(nil), p.orders...)
}

func (p *printer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	var out any
	switch r.URL.Path {
	case "/order":
		var o order
		_ = json.Unmarshal(body, &o)
		p.n++
		fault := ""
		if p.fault != nil {
			fault = p.fault(p.n)
		}
		switch fault {
		case "drop":
			panic(http.ErrAbortHandler)
		case "refuse":
			http.Error(w, "{}", http.StatusUnprocessableEntity)
			return
		case "account":
			http.Error(w, "{}", http.StatusUnauthorized)
			return
		}
		o.ID, o.At = fmt.Sprintf("%s_%d", p.name, len(p.orders)+1), time.Now()
		p.orders = append(p.orders, o)
		if fault == "lose" {
			panic(http.ErrAbortHandler)
		}
		out = o
	case "/find":
		found := []order{}
		for _, o := range p.orders {
			if o.Ref == r.URL.Query().Get("ref") {
				found = append(found, o)
			}
		}
		out = found
	default:
		for i := range p.orders {
			if p.orders[i].ID == r.URL.Query().Get("id") {
				p.orders[i].Dead = p.orders[i].Dead || r.URL.Path == "/cancel"
				out = p.orders[i]
			}
		}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// adapter speaks to a printer.
type adapter struct {
	p    *printer
	caps postproof.Capabilities
}

// finder is an adapter of a vendor that can be looked up.
type finder struct{ *adapter }

func (p *printer) adapter() vendors.Adapter {
	a := &adapter{p: p, caps: postproof.Capabilities{
		Vendor: p.name, Countries: []string{"US"}, Cancel: postproof.CancelWindow{Supported: true, For: 96 * time.Hour},
		Lookup:    postproof.Lookup{ByRef: p.keyed},
		Callbacks: postproof.Callbacks{Auth: postproof.CallbackSigned, Patience: map[postproof.Stage]time.Duration{postproof.StageAccepted: 24 * time.Hour}},
		Pieces: []postproof.PieceSupport{{
			Kind: postproof.KindPostcard, Sizes: []postproof.Size{postproof.Size4x6()},
			Classes: []postproof.MailClass{postproof.FirstClass}, Content: []postproof.ContentKind{postproof.ContentHTML},
		}},
	}}
	if p.keyed {
		return finder{a}
	}
	return a
}

func (a *adapter) Capabilities() *postproof.Capabilities { return &a.caps }
func (a *adapter) Account() vendors.Account {
	return vendors.Account{Fingerprint: vendors.Fingerprint(a.p.name, "key"), Mode: postproof.ModeTest}
}

func (a *adapter) Encode(_ context.Context, s *vendors.Submission) (*vendors.Body, error) {
	b, err := json.Marshal(order{Ref: string(s.Ref)})
	return vendors.JSONBody("printer/1", b), err
}

func (a *adapter) do(ctx context.Context, do vendors.Doer, req *vendors.Request, out any) error {
	req.URL = "http://" + a.p.name + req.Route
	resp, err := do.Do(ctx, req)
	if err != nil {
		return err
	}
	return json.Unmarshal(resp.Body, out)
}

func (a *adapter) order(o *order) *vendors.Order {
	stage := postproof.StageAccepted
	if o.Dead {
		stage = postproof.StageCanceled
	}
	return &vendors.Order{
		Receipt: postproof.Receipt{Vendor: a.p.name, VendorID: o.ID, Ref: postproof.Ref(o.Ref), AcceptedAt: o.At}, Dead: o.Dead,
		Status: postproof.Status{Stage: stage, Raw: string(stage)},
	}
}

func (a *adapter) Submit(ctx context.Context, do vendors.Doer, _ *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	req := &vendors.Request{Op: postproof.OpSubmit, Method: http.MethodPost, Route: "/order", Header: http.Header{}}
	req.SetBody(body)
	var o order
	if err := a.do(ctx, do, req, &o); err != nil {
		return nil, err
	}
	return a.order(&o), nil
}

func (a *adapter) Get(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
	var o order
	err := a.do(ctx, do, &vendors.Request{Op: postproof.OpGet, Class: postproof.RepeatSafe, Method: http.MethodGet, Route: "/get?id=" + id}, &o)
	return a.order(&o), err
}

func (a *adapter) Cancel(ctx context.Context, do vendors.Doer, id string) error {
	return a.do(ctx, do, &vendors.Request{Op: postproof.OpCancel, Class: postproof.RepeatKeyed, Method: http.MethodPost, Route: "/cancel?id=" + id}, &order{})
}

func (a *adapter) List(ctx context.Context, _ vendors.Doer, _ time.Time) iter.Seq2[*vendors.Order, error] {
	return func(yield func(*vendors.Order, error) bool) {
		for _, o := range a.p.printed() {
			if !yield(a.order(&o), ctx.Err()) {
				return
			}
		}
	}
}

func (f finder) Find(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	var all []order
	if err := f.do(ctx, do, &vendors.Request{Op: postproof.OpLookUp, Class: postproof.RepeatSafe, Method: http.MethodGet, Route: "/find?ref=" + string(ref)}, &all); err != nil {
		return nil, err
	}
	found := &vendors.Found{Complete: true}
	for i := range all {
		found.Orders = append(found.Orders, f.order(&all[i]))
	}
	return found, nil
}
