package vendortest

import (
	"context"
	"slices"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// ordering are the checks that look at what is ordered; the others are of any order.
func ordering() []check {
	names := []string{
		"Capabilities", "EncodeDeterministic", "EncodeWhole", "EncodeRefuses", "Submit", "SubmitAtOnce", "Kinds", "Repeat", "Window",
		"SubmitForeign", "Find", "Get", "Restart", "Journey", "Cancel", "Requests",
	}
	return slices.DeleteFunc(checks(), func(c check) bool { return !slices.Contains(names, c.name) })
}

// TestWhatAVendorDoesNotPrint: an adapter that refuses what its vendor does not print
// passes with the rest, and one that refuses everything does not.
func TestWhatAVendorDoesNotPrint(t *testing.T) {
	t.Parallel()
	refuse := func(ours func(j *postproof.Job) bool) func() Harness {
		return func() Harness {
			h := harness(t, "pcm")
			adapter, ok := h.Adapter.(full)
			if !ok {
				t.Fatal("the good adapter lacks an operation")
			}
			b := &broken{full: adapter}
			b.encode = func(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
				if ours(&s.Job) {
					return nil, postproof.NewError(postproof.CodeUnsupported, postproof.NotSent, errBroken)
				}
				return b.full.Encode(ctx, s)
			}
			h.Adapter = b.adapter()
			return h
		}
	}
	plain := func(j *postproof.Job) bool {
		l, letter := j.Piece.(postproof.Letter)
		return !j.From.IsZero() || j.To.Company != "" || (letter && (l.Color || !l.AddressPage))
	}
	for _, c := range ordering() {
		if found := c.problems(t.Context(), refuse(plain)); len(found) > 0 {
			t.Errorf("%s: %v", c.name, found)
		}
	}
	i := slices.IndexFunc(checks(), func(c check) bool { return c.name == "Submit" })
	if found := checks()[i].problems(t.Context(), refuse(func(*postproof.Job) bool { return true })); len(found) == 0 {
		t.Error("an adapter that refuses everything passes")
	}
}

// TestVendorElsewhere: an adapter of a vendor that does not mail to the US passes.
func TestVendorElsewhere(t *testing.T) {
	t.Parallel()
	for _, c := range ordering() {
		found := c.problems(t.Context(), func() Harness {
			h := harness(t, "postgrid")
			adapter, ok := h.Adapter.(full)
			if !ok {
				t.Fatal("the good adapter lacks an operation")
			}
			b := &broken{full: adapter, caps: func(c *postproof.Capabilities) { c.Countries = []string{"GB"} }}
			h.Adapter = b.adapter()
			return h
		})
		if len(found) > 0 {
			t.Errorf("%s: %v", c.name, found)
		}
	}
}

// TestFitting: what goes with another country is ordered there.
func TestFitting(t *testing.T) {
	t.Parallel()
	abroad := 0
	for _, s := range Submissions(harness(t, "lob")) {
		if s.Job.Class == postproof.Registered && s.Job.To.CountryCode() == "US" {
			t.Error("registered mail is ordered in the US only, where lob has none")
		}
		if s.Job.To.CountryCode() != "US" {
			abroad++
		}
	}
	if abroad != 1 {
		t.Errorf("%d jobs go abroad, want the one of a class that does not go with the US", abroad)
	}
}
