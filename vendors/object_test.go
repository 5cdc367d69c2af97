package vendors_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof/vendors"
)

func TestObject(t *testing.T) {
	t.Parallel()
	o, err := vendors.ParseObject([]byte(`{"id":"pc_1","ID":"other","n":7,"live":false,"at":"2026-03-02T10:00:00.5-05:00","to":{"zip":"94107"},"tags":[1]}`))
	if err != nil {
		t.Fatal(err)
	}
	if o.Text("id") != "pc_1" || o.Text("Id") != "" || o.Text("n") != "" || o.Text("to") != "" {
		t.Errorf("texts: %q %q %q %q", o.Text("id"), o.Text("Id"), o.Text("n"), o.Text("to"))
	}
	if want := time.Date(2026, 3, 2, 15, 0, 0, 5e8, time.UTC); o.Time("at") != want || !o.Time("id").IsZero() || !o.Time("none").IsZero() {
		t.Errorf("times: %v %v %v, want %v first", o.Time("at"), o.Time("id"), o.Time("none"), want)
	}
	if o.Object("to").Text("zip") != "94107" || o.Object("id").Text("zip") != "" || o.Object("none").Object("deeper").Text("zip") != "" {
		t.Error("an object inside is not read, or one that is none is")
	}
	if live := vendors.Field[*bool](o, "live"); live == nil || *live || vendors.Field[*bool](o, "none") != nil || vendors.Field[*bool](o, "n") != nil {
		t.Error("an absent field and a zero one are not told apart")
	}
	if vendors.Field[int](o, "n") != 7 || vendors.Field[int](o, "tags") != 0 || len(vendors.Field[[]int](o, "tags")) != 1 {
		t.Error("numbers and lists")
	}
	var logged bytes.Buffer
	timeless := func(_ []string, a slog.Attr) slog.Attr { // its digits are any
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{ReplaceAttr: timeless})).Info("read", "answer", o)
	if text := fmt.Sprintf("%v %+v %#v %s", o, o, o, o) + logged.String(); strings.Contains(text, "pc_1") || strings.Contains(text, "112") || !strings.Contains(text, "object(7)") {
		t.Errorf("printed as %s", text)
	}
	for _, none := range []string{"", "null", "[]", `"hush"`, "7", `{"hush":`, `{"hush":1}}`} {
		if got, err := vendors.ParseObject([]byte(none)); err == nil || got != nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v, %v", none, got, err)
		}
	}
}
