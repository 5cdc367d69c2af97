package lob

import (
	"strings"
	"testing"
)

// TestTextIsTheBytesOfMarshal: the bytes of a submission are for ever.
func TestTextIsTheBytesOfMarshal(t *testing.T) {
	t.Parallel()
	values := []string{"", "a plain one", "<b class=\"x\">&amp;\\</b>\n\t\r\n", "Zoë", "\u2028", "\xff", "\u007f"}
	for b := range 256 {
		values = append(values, "x"+string(rune(b))+"y", "\""+string([]byte{byte(b)})+"\"")
		for n := range 10 { // at each place of a word and of the rest
			for _, tail := range []int{0, 1, 7, 8} {
				values = append(values, strings.Repeat("x", n)+string([]byte{byte(b)})+strings.Repeat("~", tail))
			}
		}
	}
	for _, v := range values {
		want := "before" + string(marshal(v))
		if got := string(appendText([]byte("before"), v)); got != want {
			t.Errorf("%q: %s; want %s", v, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("<b class=\"x\">&amp;\\</b>\n\t\r\nZoë")
	f.Fuzz(func(t *testing.T, v string) {
		if got, want := string(appendText(nil, v)), string(marshal(v)); got != want {
			t.Errorf("%q: %s; want %s", v, got, want)
		}
	})
}
