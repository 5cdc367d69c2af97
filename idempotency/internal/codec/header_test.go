package codec_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/idempotency/internal/codec"
)

// TestEncodeHeader: encoding/json reads what is written, whatever it is.
func TestEncodeHeader(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]map[string]string{
		"none":      {},
		"usual":     {"Content-Type": "application/json", "Lob-Signature": strings.Repeat("0f", 32), "Lob-Signature-Timestamp": "1798761600"},
		"empty":     {"X-Empty": "", "": "nameless"},
		"escapes":   {"X-Quote": `a"b\c`, "X-Lines": "one\ntwo", "X-Tab\t": "\x00\x1f\x7f", "X-Markup": "<a href='&'>"},
		"not ASCII": {"X-Ünder": "Zürich 日本 \u2028"},
		"many":      {"A": "1", "B": "2", "C": "3", "D": "4", "E": "5", "F": "6", "G": "7", "H": "8", "I": "9", "J": strings.Repeat("long ", 200)},
	} {
		text, err := codec.EncodeHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%s: %v in %s", name, err, text)
		}
		if diff := cmp.Diff(header, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if again, err := codec.EncodeHeader(header); err != nil || again != text {
			t.Errorf("%s: another text the second time: %v", name, err)
		}
	}
}

func BenchmarkEncodeHeader(b *testing.B) {
	header := map[string]string{"Content-Type": "application/json", "Lob-Signature": strings.Repeat("0f", 32), "Lob-Signature-Timestamp": "1798761600"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.EncodeHeader(header); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMarshalHeader is the measure.
func BenchmarkMarshalHeader(b *testing.B) {
	header := map[string]string{"Content-Type": "application/json", "Lob-Signature": strings.Repeat("0f", 32), "Lob-Signature-Timestamp": "1798761600"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(header); err != nil {
			b.Fatal(err)
		}
	}
}
