package client_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/postproof/postproof/client"
)

// TestReplayItemIsDiscreet: a JSON log would otherwise write out every field.
func TestReplayItemIsDiscreet(t *testing.T) {
	t.Parallel()
	item := client.ReplayItem{ID: "0123", Key: "ann-quill-1", Contact: "ann.quill@example.com", Outcome: client.ReplayNew, Vendor: "alpha"}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("item", "item", item)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("item", "item", item)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", item, item, item, item), logged.String()} {
		if strings.Contains(text, "quill") || !strings.Contains(text, "new") {
			t.Errorf("printed as %s", text)
		}
	}
}
