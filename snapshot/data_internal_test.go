package snapshot

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/postproof/postproof"
)

// The table of ZIP prefixes says what the expressions of the data set say.
func TestZIPTableIsTheDataSet(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/libaddressinput-us.txt")
	if err != nil {
		t.Fatal(err)
	}
	type state struct {
		code string
		zips *regexp.Regexp
	}
	var states []state
	for line := range strings.Lines(string(data)) {
		code, rest, _ := strings.Cut(line, " ")
		zips, _, _ := strings.Cut(rest, " ")
		states = append(states, state{code, regexp.MustCompile("^(?:" + zips + ")")})
	}
	if len(states) != 62 {
		t.Fatalf("%d states, want 62", len(states))
	}
	c := checker{rules: newRules(&Options{})}
	for a := range 128 {
		for b := range 128 {
			if code := string([]byte{byte(a), byte(b)}); c.state(code) != postproof.USRegion(code) {
				t.Errorf("%q is a state: %t", code, c.state(code))
			}
		}
	}
	for n := range 100_000 {
		// All of the prefixes with exceptions, and a sample of the others.
		zip := fmt.Sprintf("%05d", n)
		if n%10 != 3 && !strings.Contains(" 005 055 063 399 733 834 967 969 ", " "+zip[:3]+" ") {
			continue
		}
		for _, s := range states {
			c.found = c.found[:0]
			c.region(s.code, zip)
			if got, want := len(c.found) == 0, s.zips.MatchString(zip); got != want {
				t.Errorf("%s in %s: %t, want %t", zip, s.code, got, want)
			}
		}
	}
}

// Every country's form takes the data set's own examples, and no other text.
func TestPostalCodeForms(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/libaddressinput-examples.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := newCountries()
	if len(all) != 252 {
		t.Errorf("%d countries, want 252", len(all))
	}
	// Examples of the data set that its own expressions do not take.
	mistakes := map[string]bool{"BY 20050": true, "EE 1001": true, "GB RH6 OHP": true}
	tried := 0
	for line := range strings.Lines(string(data)) {
		code, examples, _ := strings.Cut(strings.TrimSpace(line), " ")
		known := all[code]
		if code == "UM" {
			continue // an example without an expression
		}
		if known == nil || known.form == nil {
			t.Errorf("%s: no form", code)
			continue
		}
		for example := range strings.SplitSeq(examples, ",") {
			example = strings.TrimSpace(example)
			if got := known.form().MatchString(example); got == mistakes[code+" "+example] {
				t.Errorf("%s takes its own example %s: %t", code, example, got)
			}
			tried++
		}
		if known.form().MatchString("#!") || known.form().MatchString(strings.Repeat("1", 30)) {
			t.Errorf("%s takes anything", code)
		}
	}
	if tried < 300 {
		t.Errorf("%d examples were tried", tried)
	}
	for code, c := range all {
		if strings.Trim(c.required, "ACSZ") != "" {
			t.Errorf("%s requires %q", code, c.required)
		}
	}
}

// The short form of a short form is itself, or two spellings would differ by
// the way that led to them.
func TestAbbreviationsAreStable(t *testing.T) {
	t.Parallel()
	words := newAbbreviations()
	seen := map[string]string{}
	for group := range strings.FieldsSeq(abbreviationData) {
		short, long, ok := strings.Cut(group, "=")
		if !ok {
			t.Errorf("%q has no long form", group)
		}
		if again, ok := words.find([]byte(short)); ok && short != "#" {
			t.Errorf("%s becomes %s, and that %s", long, short, again)
		}
		for w := range strings.SplitSeq(long, ",") {
			if other, twice := seen[w]; twice {
				t.Errorf("%s is short for %s and %s", w, other, short)
			}
			seen[w] = short
		}
	}
	if len(seen) < 350 {
		t.Errorf("%d words, want those of Publication 28", len(seen))
	}
}

func FuzzAddressKey(f *testing.F) {
	f.Add("123 N. Main St.", "Apt #4")
	f.Add("ÿ \xff \u00a0", "12½ Ærø")
	f.Add("ŉ", "")
	f.Add("\u0615'\u0618", "")
	words := newAbbreviations()
	f.Fuzz(func(t *testing.T, one, two string) {
		a := words.appendLine(nil, one)
		if again := words.appendLine(nil, string(a)); string(again) != string(a) {
			t.Errorf("%q becomes %q, and that %q", one, a, again)
		}
		if upper := words.appendLine(nil, strings.ToUpper(one)); isASCII(one) && string(upper) != string(a) {
			t.Errorf("%q and its capitals differ: %q, %q", one, a, upper)
		}
		prefix := []byte("x|")
		if b := words.appendLine(prefix, two); !strings.HasPrefix(string(b), "x|") {
			t.Errorf("what stood before was changed: %q", b)
		}
	})
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
