package vendors_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof/vendors"
)

func TestWord(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	for s, want := range map[string]string{
		"": "", "psc_1a-2B.c": "psc_1a-2B.c", "7": "7", long: long, long + "a": "",
		".": "", "..": "", "-_.": "", "a/b": "", "a b": "", "a%2fb": "", "a?b": "", "é": "", "a\n": "", "a\x00": "",
	} {
		if got := vendors.Word(s); got != want {
			t.Errorf("Word(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestSplitName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"": {}, "  ": {}, "Cher": {"Cher", ""}, "Alex Doe": {"Alex", "Doe"}, " Alex  B. Doe ": {"Alex  B.", "Doe"}, "Current Resident": {"Current", "Resident"},
	} {
		if first, last := vendors.SplitName(name); first != want[0] || last != want[1] {
			t.Errorf("SplitName(%q) = %q, %q, want %q", name, first, last, want)
		}
	}
}

func TestObjectRef(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{"ref":"0123456789ABCDEF"}`: "0123456789ABCDEF", `{"ref":"0123456789abcdef"}`: "", `{"ref":7}`: "", `{"ref":null}`: "", `{}`: "",
	} {
		o, err := vendors.ParseObject([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Ref("ref"); string(got) != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

// TestAnswered: of several answers the earliest counts, and one that does not say when
// it was made counts for nothing.
func TestAnswered(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	var found vendors.Found
	for _, date := range []string{"", "soon", begin.Add(time.Minute).Format(http.TimeFormat), "", begin.Format(http.TimeFormat), begin.Add(time.Hour).Format(http.TimeFormat)} {
		found.Answered(&vendors.Response{Header: http.Header{"Date": {date}}})
	}
	if !found.VendorTime.Equal(begin) {
		t.Errorf("VendorTime is %v, want %v", found.VendorTime, begin)
	}
}
