package vendortest

import (
	"slices"
	"strings"
	"testing"

	"github.com/postproof/postproof"
)

// TestEveryCheckCanFail breaks an adapter in one way at a time, as adapters
// are broken in practice, and expects the check named to notice.
func TestEveryCheckCanFail(t *testing.T) {
	t.Parallel()
	covered := map[string]bool{}
	for _, test := range breakages() {
		covered[test.check] = true
		t.Run(test.check+"/"+test.name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(checks(), func(c check) bool { return c.name == test.check })
			if i < 0 {
				t.Fatal("there is no such check")
			}
			good := func() Harness { return harness(t, test.vendor) }
			if found := checks()[i].problems(t.Context(), good); len(found) > 0 {
				t.Fatalf("the good adapter fails: %v", found)
			}
			found := checks()[i].problems(t.Context(), func() Harness {
				h := good()
				adapter, ok := h.Adapter.(full)
				if !ok {
					t.Fatal("the good adapter lacks an operation")
				}
				b := &broken{full: adapter}
				test.breaking(b)
				h.Adapter = b.adapter()
				if b.events != nil {
					h.Adapter = brokenLog{b}
				}
				if b.sim != nil {
					h.Simulator = b.sim(h.Simulator)
				}
				return h
			})
			if len(found) == 0 {
				t.Error("the broken adapter passes")
			}
		})
	}
	for _, c := range checks() {
		if !covered[c.name] {
			t.Errorf("check %s has no adapter that it must catch", c.name)
		}
	}
}

type breakage struct {
	check, name string
	vendor      string // lob unless set
	breaking    func(b *broken)
}

func breakages() []breakage {
	return slices.Concat(submitBreakages(), foreignBreakages(), readBreakages(), lookUpBreakages(), stepBreakages(), wholeBreakages(), eventBreakages(), subtleBreakages(), undeliverableBreakages(), callbackBreakages(),
		windowBreakages(), damagedBreakages(), batchBreakages())
}

func TestSubmissionsCoverTheCapabilities(t *testing.T) {
	t.Parallel()
	h := harness(t, "lob")
	h.Uploads, h.Templates = true, postproof.TemplateIDs{Front: "tmpl_a", Back: "tmpl_b"}
	refs, seen := map[postproof.Ref]bool{}, map[string]bool{}
	for _, s := range Submissions(h) {
		refs[s.Ref] = true
		if !s.Ref.Valid() || len(s.VendorKey) != 32 {
			t.Errorf("reference %q, key of %d characters", s.Ref, len(s.VendorKey))
		}
		if err := s.Job.Validate(); err != nil {
			t.Errorf("a job of the suite is invalid: %v", err)
		}
		seen[strings.Join([]string{string(s.Job.Piece.Kind()), s.Job.Piece.Sheet().Name}, " ")] = true
		seen[string(s.Job.Piece.Kind())+" "+string(s.Job.Class)] = true
		seen[string(s.Job.Piece.Kind())+" "+string(s.Job.Piece.Art().ContentKind())] = true
	}
	if len(refs) != len(Submissions(h)) {
		t.Error("two submissions have one reference")
	}
	for _, p := range h.Adapter.Capabilities().Pieces {
		for _, s := range p.Sizes {
			if !seen[string(p.Kind)+" "+s.Name] {
				t.Errorf("no %s of size %s", p.Kind, s.Name)
			}
		}
		for _, c := range p.Classes {
			if !seen[string(p.Kind)+" "+string(c)] {
				t.Errorf("no %s of class %s", p.Kind, c)
			}
		}
		for _, c := range p.Content {
			if !seen[string(p.Kind)+" "+string(c)] {
				t.Errorf("no %s of content %s", p.Kind, c)
			}
		}
	}
}

// TestLeak: what %#v shows of a pointer is no postal code.
func TestLeak(t *testing.T) {
	t.Parallel()
	b := &bench{secrets: []string{"key-1f0c7d52"}}
	for text, leaks := range map[string]bool{
		"(*errors.errorString)(0xc000439770)": false, "0x43977": true, "to 43977": true, "by key-1f0c7d52": true, "nothing": false,
	} {
		if leak := b.leak(text); (leak != "") != leaks {
			t.Errorf("%q: %q, want a leak: %t", text, leak, leaks)
		}
	}
}
