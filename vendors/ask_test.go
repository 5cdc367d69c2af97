package vendors_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// bare is an adapter that can do nothing but submit.
type bare struct{}

func (bare) Capabilities() *postproof.Capabilities { return &postproof.Capabilities{Vendor: "bare"} }
func (bare) Account() vendors.Account              { return vendors.Account{} }

func (bare) Encode(context.Context, *vendors.Submission) (*vendors.Body, error) { return nil, nil }

func (bare) Submit(context.Context, vendors.Doer, *vendors.Submission, *vendors.Body) (*vendors.Order, error) {
	return nil, nil
}

func TestUndeclaredIsUnsupported(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"get":     func() error { _, err := vendors.Get(ctx, bare{}, nil, "1"); return err },
		"look_up": func() error { _, err := vendors.Find(ctx, bare{}, nil, "REF"); return err },
		"cancel":  func() error { return vendors.Cancel(ctx, bare{}, nil, "1") },
		"list": func() error {
			n := 0
			var last error
			for _, err := range vendors.List(ctx, bare{}, nil, time.Time{}) {
				n, last = n+1, err
			}
			if n != 1 {
				t.Errorf("the list yields %d times, want 1", n)
			}
			return last
		},
		"events": func() error {
			n := 0
			var last error
			for _, err := range vendors.Events(ctx, bare{}, nil, time.Time{}) {
				n, last = n+1, err
			}
			if n != 1 {
				t.Errorf("the log yields %d times, want 1", n)
			}
			return last
		},
		"list_undeliverable": func() error {
			n := 0
			var last error
			for _, err := range vendors.ListUndeliverable(ctx, bare{}, nil, time.Time{}) {
				n, last = n+1, err
			}
			if n != 1 {
				t.Errorf("the list yields %d times, want 1", n)
			}
			return last
		},
	} {
		err := call()
		e, ok := errors.AsType[*postproof.Error](err)
		if !errors.Is(err, errors.ErrUnsupported) || !ok {
			t.Errorf("%s: %v, want ErrUnsupported", name, err)
			continue
		}
		if e.Code != postproof.CodeUnsupported || e.Delivery != postproof.NotSent || e.Op != name || e.Vendor != "bare" {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
