package signature

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

type pair struct{ Name, Value string }

func readMembers(document []byte) (all []pair, bad bool) {
	m := members{rest: document}
	for name, value, ok := m.next(); ok; name, value, ok = m.next() {
		all = append(all, pair{string(name), string(value)})
	}
	return all, m.bad
}

// decodeMembers is what encoding/json reads.
func decodeMembers(document []byte) (all []pair, bad bool) {
	if !json.Valid(document) {
		return nil, true
	}
	dec := json.NewDecoder(bytes.NewReader(document))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, true
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, true
		}
		text, ok := name.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil || !ok {
			return nil, true
		}
		all = append(all, pair{text, string(value)})
	}
	return all, false
}

func memberSeeds() []string {
	return []string{
		`{}`, ` { } `, `{"a":1}`, `{"a":1,"a":2}`, `{ "a" : [1,{"b":"]}"}] , "c\"" : "\\" }`, `{"\u0061lg":"none"}`,
		`{"a":"\\\"","b":true,"c":null,"d":-1.5e3}`, `{"exp":1700000000,"iat":1,"nbf":0}`, `{"a":{"b":{}},"c":[]}`,
		``, `null`, `[]`, `"a"`, `1`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a":"`, `{"a":"\`, `{"a":[`, `{"a":["`,
		`{"a":1}}`, `{"a":1}{`, `{a:1}`, `{"a" 1}`, `{"a":1 "b":2}`, `{,}`, `{"a":}`, `{"a":,"b":1}`, `{"\q":1}`,
	}
}

// TestMembers: what breaks the object's own level is bad.
func TestMembers(t *testing.T) {
	t.Parallel()
	for _, document := range memberSeeds() {
		want, bad := decodeMembers([]byte(document))
		got, gotBad := readMembers([]byte(document))
		if gotBad != bad {
			t.Errorf("%s: bad is %t, want %t", document, gotBad, bad)
		}
		if diff := cmp.Diff(want, got); diff != "" && !bad {
			t.Errorf("%s (-want +got):\n%s", document, diff)
		}
	}
}

// FuzzMembers: no bytes make it panic, and of a valid document it reads what
// encoding/json reads.
func FuzzMembers(f *testing.F) {
	for _, seed := range memberSeeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		got, gotBad := readMembers(document)
		if !json.Valid(document) {
			return
		}
		want, bad := decodeMembers(document)
		if gotBad != bad {
			t.Fatalf("%q: bad is %t, want %t", document, gotBad, bad)
		}
		for i := range got {
			// Only decoding makes bytes that are no UTF-8 into others.
			if bytes.ContainsRune(document, '\ufffd') || !utf8.Valid(document) {
				return
			}
			if diff := cmp.Diff(want[i], got[i]); diff != "" {
				t.Fatalf("%q (-want +got):\n%s", document, diff)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d members, want %d", document, len(got), len(want))
		}
	})
}

// FuzzNumericDate: what is no number in JSON is no time.
func FuzzNumericDate(f *testing.F) {
	for _, seed := range []string{"1700000000", "1700000000.5", "1e9", "0", "-1", "NaN", "Inf", "0x1p4", "1_0", "00", `"1"`, "null", "1e400", "253402300800"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if len(value) == 0 {
			return // members has no empty values
		}
		at, ok := numericDate(value)
		var number float64
		if err := json.Unmarshal(value, &number); ok && err != nil {
			t.Fatalf("%q is taken for %v", value, at)
		}
		if seconds := float64(at.UnixMilli()) / 1000; ok && (seconds > number+0.01 || seconds < number-0.01) {
			t.Fatalf("%q is taken for %v", value, at)
		}
	})
}
