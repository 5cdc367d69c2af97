package lob

import (
	"encoding/json"
	"strings"
	"testing"
)

// scans reports whether the scanner takes the whole document for a value.
func scans(doc []byte) bool {
	end := scanValue(doc, skipSpace(doc, 0), 0)
	return end >= 0 && skipSpace(doc, end) == len(doc)
}

// checkScan holds the scanner, and the members it finds, against encoding/json.
func checkScan(t *testing.T, doc []byte) {
	t.Helper()
	want := json.Valid(doc)
	if got := scans(doc); got != want {
		t.Errorf("%.200q: %t, encoding/json says %t", doc, got, want)
	}
	o, err := parseObject(doc, nil)
	if !want && err != nil {
		return
	}
	var members map[string]json.RawMessage
	if readable := json.Unmarshal(doc, &members) == nil && members != nil; (err == nil) != readable {
		t.Errorf("%.200q: object: %v, encoding/json reads it: %t", doc, err, readable)
	}
	for name, want := range members {
		if got := o.raw(name); string(got) != string(want) {
			t.Errorf("%.200q: %q is %s, want %s", doc, name, got, want)
		}
		if got, want := o.text(name), value[string](o, name); got != want {
			t.Errorf("%.200q: text %q is %q, want %q", doc, name, got, want)
		}
	}
}

func scanSeeds() []string {
	return []string{
		answered, theirs, "", " ", "\ufeff{}", "{}", " { } ", "[]", "[ ]", "[1,]", "[,1]", "[1 2]", "[1}", "{1}", "[[]", "[]]", "{]", "[}",
		`{"a"}`, `{"a":}`, `{"a":1,}`, `{,"a":1}`, `{"a":1 "b":2}`, `{"a" 1}`, `{a:1}`, `{'a':1}`, `{"a":1}{}`, `{"a":1},`, `{"a":1}x`, `{"":""}`,
		`{"a":[{"b":[]},{}]}`, "\t\r\n{\t\"a\"\r:\n1\t,\"b\":\r[\n]\t}\n", "{\v}", "{\f}", "{\u00a0}", "nul", "null", "nulll", "tru", "true", "falsE", "false", "False", "NaN", "Infinity",
		"0", "-0", "-", "+1", "01", "-01", "00", "1.", ".1", "1.0", "-1.5e3", "1e", "1e+", "1e-7", "1E9", "1e1.0", "1.e1", "0e0", "0x1", "1_0", "12345678901234567890", "1 ", "--1",
		`"`, `"\"`, `"\\"`, `"\x"`, `"\u"`, `"\u12"`, `"\u123"`, `"\u1234"`, `"\u12g4"`, `"\u12G4"`, `"\u12/4"`, `"\u12:4"`, `"\u12@4"`, "\"\\u12`4\"", `"\uABcd\ud800"`, `"\b\f\n\r\t\/\""`, `"\u00zz`, "\"\x7f\"", "\"\x80\xff\"", "\"\u2028\"",
		`/**/{}`, `{"a":1/**/}`,
	}
}

// TestScannerIsAsStrictAsEncodingJSON: an answer that encoding/json refuses
// must stay a doubt.
func TestScannerIsAsStrictAsEncodingJSON(t *testing.T) {
	t.Parallel()
	seeds := scanSeeds()
	// Each special byte at each place in a word, and before the end.
	for n := range 20 {
		for _, special := range []string{`"`, `\`, `\n`, `\u00e9`, `\u00`, "\n", "\x00", "\x1f", " ", "!", "#", "[", "]", "\x7f", "\x80", "é", "\xff"} {
			for tail := range 10 {
				text := strings.Repeat("x", n) + special + strings.Repeat("y", tail)
				seeds = append(seeds, `"`+text, `"`+text+`"`, `{"`+text+`":"`+text+`"}`)
			}
		}
	}
	for _, seed := range seeds {
		checkScan(t, []byte(seed))
	}
}

// TestScannerOnBrokenAnswers breaks a whole answer at every byte.
func TestScannerOnBrokenAnswers(t *testing.T) {
	t.Parallel()
	for i := range len(theirs) {
		checkScan(t, []byte(theirs[:i]))
		checkScan(t, []byte(theirs[:i]+theirs[i+1:]))
		for _, b := range []string{`"`, `\`, "{", "}", "]", ",", ":", "0", "e", " ", "\n", "\xff"} {
			checkScan(t, []byte(theirs[:i]+b+theirs[i+1:]))
		}
	}
}

// TestScannerDepth: the deepest document is the same as that of encoding/json,
// and one of any depth ends.
func TestScannerDepth(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{maxDepth - 1, maxDepth, maxDepth + 1, 100 * maxDepth} {
		for _, form := range [][3]string{{"[", "", "]"}, {`{"a":`, "1", "}"}, {"[", "1", "]"}, {"[", "{}", "]"}, {`{"a":`, "[]", "}"}} {
			checkScan(t, []byte(strings.Repeat(form[0], depth)+form[1]+strings.Repeat(form[2], depth)))
			checkScan(t, []byte(`{"a":`+strings.Repeat(form[0], depth)+form[1]+strings.Repeat(form[2], depth)+"}"))
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, seed := range scanSeeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(checkScan)
}
