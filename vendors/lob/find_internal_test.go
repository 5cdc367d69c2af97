package lob

import (
	"context"
	"fmt"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// judging judges some answers and returns another one, as a doer does that repeats
// or keeps answers.
type judging struct {
	judged   []string
	returned string
}

func (j judging) Do(_ context.Context, req *vendors.Request) (*vendors.Response, error) {
	for _, body := range j.judged {
		_ = req.Judge(&vendors.Response{Status: 200, Body: []byte(body)})
	}
	return &vendors.Response{Status: 200, Body: []byte(j.returned)}, nil
}

// What was read when an answer was judged is not read again; and never taken for
// what another answer says.
func TestAPageIsOfTheAnswerThatCounts(t *testing.T) {
	t.Parallel()
	page := func(id string) string {
		return fmt.Sprintf(`{"object":"list","data":[{"id":%q,"object":"postcard"}]}`, id)
	}
	a, err := New("test_0", WithUseType(Marketing))
	if err != nil {
		t.Fatal(err)
	}
	one, two := page("psc_1"), page("psc_2")
	for what, tc := range map[string]struct {
		do   judging
		want string // empty for an error
	}{
		"judged once":         {judging{[]string{one}, one}, "psc_1"},
		"judged twice":        {judging{[]string{two, one}, one}, "psc_1"},
		"another one":         {judging{[]string{one}, two}, "psc_2"},
		"an older one":        {judging{[]string{one, two}, one}, "psc_1"},
		"never judged":        {judging{nil, two}, "psc_2"},
		"judged, then broken": {judging{[]string{one}, `{"object":"list"`}, ""},
		"broken, then right":  {judging{[]string{`{`}, one}, "psc_1"},
		"right, then broken":  {judging{[]string{one, `{`}, one}, "psc_1"},
	} {
		w := a.walk(tc.do, postproof.OpLookUp, postcardProduct(), nil)
		_, got, err := w.next(t.Context())
		switch {
		case tc.want == "":
			if err == nil || len(got) > 0 {
				t.Errorf("%s: %d orders, want an error", what, len(got))
			}
		case err != nil || len(got) != 1 || got[0].Receipt.VendorID != tc.want:
			t.Errorf("%s: %v, %v, want %s", what, got, err, tc.want)
		}
	}
	w := a.walk(nil, postproof.OpLookUp, postcardProduct(), nil)
	if err := w.check([]byte(one)); err != nil {
		t.Fatal(err)
	}
	judged := w.read
	if p, err := w.of(&vendors.Response{Body: []byte(one)}); err != nil || p != judged {
		t.Errorf("the answer was read twice: %v", err)
	}
}
