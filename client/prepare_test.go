package client_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// uploading is a vendor that takes two requests: an upload, and the order.
type uploading struct{ *pressAdapter }

func (a uploading) Encode(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
	order, err := a.pressAdapter.Encode(ctx, s)
	if err != nil {
		return nil, err
	}
	return vendors.JoinBodies("uploading/1", vendors.DocumentBody("upload/1", "text/plain", []byte(s.Ref)), order), nil
}

func (a uploading) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	req := &vendors.Request{Op: postproof.OpPrepare, Class: postproof.RepeatSafe, Method: http.MethodPost, Route: "/upload"}
	req.SetBody(body.Parts()[0])
	if err := a.do(ctx, do, req, &pressOrder{}); err != nil {
		return nil, vendors.NotOrdered(err)
	}
	return a.pressAdapter.Submit(ctx, do, s, body.Parts()[1])
}

// onUpload is a fault of the first so many uploads.
func onUpload(fault string, first int) func(string, string, int) string {
	return func(op, _ string, n int) string {
		if op == "/upload" && n <= first {
			return fault
		}
		return ""
	}
}

// always is more often than anything is tried.
const always = 1000

// TestWhatFailsBeforeTheOrder: of a failed upload no paper comes, so that nothing of
// it is a doubt; but what the vendor refuses of it, it refuses of the job.
func TestWhatFailsBeforeTheOrder(t *testing.T) {
	t.Parallel()
	type outcome struct {
		State  idempotency.State
		Vendor string // that has it
		Join   postproof.Delivery
		Sends  int
		Alpha  int // pieces that it printed
	}
	for name, tc := range map[string]struct {
		fault func(string, string, int) string
		alone bool
		want  outcome
	}{
		"nothing":                 {nil, false, outcome{idempotency.Accepted, "alpha", postproof.Accepted, 1, 1}},
		"an answer is lost once":  {onUpload("lose", 1), false, outcome{idempotency.Accepted, "alpha", postproof.Accepted, 1, 1}},
		"every answer is lost":    {onUpload("lose", always), false, outcome{idempotency.Accepted, "beta", postproof.NotSent, 0, 0}},
		"the server fails":        {onUpload("500 after", always), false, outcome{idempotency.Accepted, "beta", postproof.NotSent, 0, 0}},
		"it is refused":           {onUpload("422", always), false, outcome{idempotency.Accepted, "beta", postproof.Refused, 0, 0}},
		"it is refused, no other": {onUpload("422", always), true, outcome{idempotency.Refused, "", postproof.Refused, 0, 0}},
		"every answer, no other":  {onUpload("lose", always), true, outcome{idempotency.Planned, "", postproof.NotSent, 0, 0}},
		"the order's answer":      {onOrder("lose"), false, outcome{idempotency.Unknown, "", postproof.Unknown, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b := newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "beta", postproof.IdempotencyNone)
				a.faults(tc.fault)
				adapters, opts := []vendors.Adapter{uploading{a.adapter()}}, []client.Option{client.WithVendor("alpha", vendorConfig(a, nil))}
				if !tc.alone {
					adapters, opts = append(adapters, b.adapter()), append(opts, client.WithVendor("beta", vendorConfig(b, nil)))
				}
				c, err := client.New(t.Context(), idempotency.NewMemory(postproof.ModeTest), adapters, opts...)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				rec, err := c.Submit(t.Context(), job("a"))
				if rec == nil {
					t.Fatal(err)
				}
				first := rec.Submissions[0]
				if diff := cmp.Diff(tc.want, outcome{rec.State, rec.Receipt.Vendor, first.Join, first.Sends, a.alive()}); diff != "" {
					t.Errorf("%v (-want +got)\n%s", err, diff)
				}
			})
		})
	}
}
