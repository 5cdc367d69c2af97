package verify_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postproof/postproof/internal/verify"
)

// The digests were worked out with sha256sum.
const (
	main1 = "19183ccfbf303fb4" // 1 MAIN ST||RENO|NV|89501, contact 1
	main2 = "b6e9a7adf4c6c24b" // 2 MAIN ST|APT 2|RENO|NV|89501, contacts 2 and 3
)

const list = "contact_id,name,address_line1,address_line2,city,state,postal_code\n" +
	"1,Jo,1 Main  St,,reno,NV,89501-1234\n" +
	"2,Al,2 Main St,Apt 2,Reno,NV,89501\n" +
	"3,Bo,2 Main St,Apt 2,Reno,NV,89501\n" +
	"4,No City,4 Main St,,,NV,89501\n" +
	"3,Bo again,9 Main St,,Reno,NV,89501\n"

func entry(ref, vendor, id, recipient, event string) string {
	return fmt.Sprintf(`{"ref":%q,"vendor":%q,"vendor_id":%q,"time":"2026-05-01T08:00:00Z","recipient":%q,"mode":"live","event":%q}`+"\n",
		ref, vendor, id, recipient, event)
}

func TestCampaign(t *testing.T) {
	t.Parallel()
	a := entry("A", "lob", "psc_1", main1, "printed")
	b := entry("B", "lob", "psc_2", main2, "printed")
	c := entry("C", "pcm", "77", main2, "printed")
	for _, tc := range []struct {
		name string
		logs []string
		want verify.Report
		errs string
	}{
		{"kept", []string{a + b, c}, verify.Report{Expected: 3, Printed: 3}, ""},
		{"in any order", []string{c, b + a}, verify.Report{Expected: 3, Printed: 3}, ""},
		{"no line break at the end", []string{a + b + strings.TrimSuffix(c, "\n")}, verify.Report{Expected: 3, Printed: 3}, ""},
		{"nothing", nil, verify.Report{Expected: 3, Lost: 3}, "3 lost"},
		{"lost", []string{b, c}, verify.Report{Expected: 3, Printed: 2, Lost: 1}, "1 lost"},
		{"lost at the shared address", []string{a + b}, verify.Report{Expected: 3, Printed: 2, Lost: 1}, "1 lost"},
		{
			"twice at two vendors",
			[]string{a + b, c + entry("A", "pcm", "78", main1, "printed")},
			verify.Report{Expected: 3, Printed: 4, PrintedTwice: 1},
			"1 printed twice",
		},
		{
			"twice under two references",
			[]string{a + b + c + entry("A2", "lob", "psc_3", main1, "printed")},
			verify.Report{Expected: 3, Printed: 4, PrintedTwice: 1},
			"1 printed twice",
		},
		{"the same id twice", []string{a + a + b + c}, verify.Report{Expected: 3, Printed: 4, PrintedTwice: 1}, "1 printed twice"},
		{
			"one neighbor twice, the other not at all",
			[]string{a + b, entry("B", "pcm", "79", main2, "printed")},
			verify.Report{Expected: 3, Printed: 3, PrintedTwice: 1, Lost: 1},
			"1 printed twice\nverify: 1 lost",
		},
		{
			"three for two",
			[]string{a + b + c + entry("D", "lob", "psc_4", main2, "printed")},
			verify.Report{Expected: 3, Printed: 4, PrintedTwice: 1},
			"1 printed twice",
		},
		{
			"voided and sent anew",
			[]string{a + entry("A", "lob", "psc_1", main1, "voided") + b + c, entry("A2", "pcm", "80", main1, "printed")},
			verify.Report{Expected: 3, Printed: 3, Voided: 1},
			"",
		},
		{
			"voided and forgotten",
			[]string{entry("A", "lob", "psc_1", main1, "voided") + a + b + c},
			verify.Report{Expected: 3, Printed: 2, Voided: 1, Lost: 1},
			"1 lost",
		},
		{
			"voided at one vendor, printed under the same id at another",
			[]string{a + b + c, entry("A", "pcm", "psc_1", main1, "voided")},
			verify.Report{Expected: 3, Printed: 3, VoidedOnly: 1},
			"1 voided but never printed",
		},
		{
			"a stranger",
			[]string{a + b + c + entry("E", "lob", "psc_5", "0123456789abcdef", "printed")},
			verify.Report{Expected: 3, Printed: 4, Stray: 1},
			"1 printed for someone",
		},
		{"torn", []string{a, b + c[:40]}, verify.Report{Expected: 3, Printed: 2, Lost: 1, Torn: []int{1}}, "1 logs torn"},
		{"torn, but whole otherwise", []string{a + b + c + "{"}, verify.Report{Expected: 3, Printed: 3, Torn: []int{0}}, "1 logs torn"},
		{
			"paper and rehearsal",
			[]string{a + b + strings.Replace(c, "live", "test", 1)},
			verify.Report{Expected: 3, Printed: 3},
			"1 modes too many",
		},
		{
			"copies of one order",
			[]string{a + b + strings.Replace(entry("B", "lob", "psc_2", main2, "printed"), `"mode"`, `"copy":1,"mode"`, 1)},
			verify.Report{Expected: 3, Printed: 3},
			"",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			logs := make([]io.Reader, len(tc.logs))
			for i, l := range tc.logs {
				logs[i] = strings.NewReader(l)
			}
			got, err := verify.Campaign(strings.NewReader(list), logs...)
			if err != nil {
				t.Fatal(err)
			}
			details := cmpopts.IgnoreFields(verify.Report{}, "ByVendor", "ByMode", "Duplicates", "LostRecipients")
			if diff := cmp.Diff(tc.want, got, details); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			switch err := got.Err(); {
			case tc.errs == "" && err != nil:
				t.Errorf("got %v, want none", err)
			case tc.errs != "" && (err == nil || !strings.Contains(err.Error(), tc.errs)):
				t.Errorf("got %v, want %q", err, tc.errs)
			}
		})
	}
}

func TestDetails(t *testing.T) {
	t.Parallel()
	got, err := verify.Campaign(strings.NewReader(list), strings.NewReader(
		entry("A", "pcm", "78", main1, "printed")+entry("A", "lob", "psc_1", main1, "printed")+entry("B", "lob", "psc_2", main2, "printed")))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	want := verify.Report{
		Expected: 3, Printed: 3, PrintedTwice: 1, Lost: 1,
		ByVendor: map[string]int{"lob": 2, "pcm": 1}, ByMode: map[string]int{"live": 3},
		Duplicates: []verify.Duplicate{{Recipient: main1, Expected: 1, Excess: 1, Pieces: []verify.Piece{
			{Ref: "A", Vendor: "lob", VendorID: "psc_1", Time: at}, {Ref: "A", Vendor: "pcm", VendorID: "78", Time: at},
		}}},
		LostRecipients: []string{main2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	good := entry("A", "lob", "psc_1", main1, "printed")
	for _, tc := range []struct{ name, list, log, want string }{
		{"no list", "", good, "list: header"},
		{"no column", "contact_id,city\n", good, "no column address_line1"},
		{"torn list", list + "5,\"x", good, "list: "},
		{"a line in the middle", list, good + "{\n" + good, "log 0: line 2 is not JSON"},
		{"last line whole but no JSON", list, good + "{\n", "log 0: line 2 is not JSON"},
		{"another event", list, entry("A", "lob", "psc_1", main1, "mailed"), "line 1: the event"},
		{"no recipient", list, entry("A", "lob", "psc_1", "", "printed"), "line 1: a field is missing"},
		{"no vendor id", list, entry("A", "lob", "", main1, "printed"), "line 1: a field is missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := verify.Campaign(strings.NewReader(tc.list), strings.NewReader(tc.log))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	t.Run("a log that breaks off", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("disk gone")
		_, err := verify.Campaign(strings.NewReader(list), io.MultiReader(strings.NewReader(good), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("got %v, want the reader's error", err)
		}
	})
}

// The check would be worth little if it shared a mistake with the library.
func TestImportsStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(string(out)); len(got) != 1 {
		t.Errorf("imports %v, want only itself", got)
	}
}

func TestRealAddresses(t *testing.T) {
	t.Parallel()
	f, err := os.Open("../../snapshot/testdata/addresses-us.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := verify.Campaign(f)
	if err != nil || got.Expected != 3199 || got.Lost != 3199 || len(got.LostRecipients) != 3198 {
		t.Errorf("expected %d, lost %d at %d addresses, %v; want 3199, 3199, 3198", got.Expected, got.Lost, len(got.LostRecipients), err)
	}
}
