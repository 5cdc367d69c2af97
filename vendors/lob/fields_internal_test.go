package lob

import "testing"

// TestTextIsTheBytesOfMarshal: the bytes of a submission are for ever.
func TestTextIsTheBytesOfMarshal(t *testing.T) {
	t.Parallel()
	values := []string{"", "a plain one", "<b class=\"x\">&amp;\\</b>\n\t\r\n", "Zoë", "\u2028", "\xff", "\u007f"}
	for b := range 256 {
		values = append(values, "x"+string(rune(b))+"y", "x"+string([]byte{byte(b)})+"y", string([]byte{byte(b)}), "\""+string([]byte{byte(b)})+"\"")
	}
	for _, v := range values {
		want := "before" + string(marshal(v))
		if got := string(appendText([]byte("before"), v)); got != want {
			t.Errorf("%q: %s; want %s", v, got, want)
		}
	}
}
