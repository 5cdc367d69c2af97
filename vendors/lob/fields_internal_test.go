package lob

import "testing"

// TestValuesAreTheBytesOfMarshal: the bytes of a submission are for ever.
func TestValuesAreTheBytesOfMarshal(t *testing.T) {
	t.Parallel()
	values := []any{nil, true, false, "", "a plain one", "<b>&amp;</b>", "Zoë", "\u2028", "\xff", "\u007f"}
	for b := range 256 {
		values = append(values, "x"+string(rune(b))+"y", "x"+string([]byte{byte(b)})+"y")
	}
	for _, v := range values {
		want, err := marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := appendValue(nil, v); err != nil || string(got) != string(want) {
			t.Errorf("%q: %s, %v; want %s", v, got, err, want)
		}
	}
}
