package vendortest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/signature"
)

// batching is Lob as a vendor that tells of several pieces in one callback: a list of
// its events.
type batching struct{ announcing }

func (s batching) Batch(refs []string, secret string, at time.Time) (http.Header, []byte) {
	var events []json.RawMessage
	for _, ref := range refs {
		_, body := s.Callback(ref, secret, at)
		events = append(events, body)
	}
	body := jsonText(events)
	header, err := signature.TimestampedHMAC{Header: "Lob-Signature", TimestampHeader: "Lob-Signature-Timestamp", Unit: time.Millisecond}.Sign(body, at, secret)
	if err != nil {
		panic(err)
	}
	return header, body
}

// inBatches is an adapter for it; which says what becomes of the notices of a list.
func inBatches(which func(all []*vendors.Notice, body []byte) []*vendors.Notice) func(b *broken) {
	return func(b *broken) {
		b.caps = func(c *postproof.Capabilities) { c.Callbacks.Batch = 50 }
		b.sim = func(s Simulator) Simulator {
			a, ok := s.(announcing)
			if !ok {
				panic(fmt.Sprintf("%T does not announce", s))
			}
			return batching{a}
		}
		good, ok := b.full.(talker)
		if !ok {
			panic("the good adapter reads no callbacks")
		}
		b.parse = func(header http.Header, body []byte) ([]*vendors.Notice, error) {
			var events []json.RawMessage
			if json.Unmarshal(bytes.Clone(body), &events) != nil {
				return good.ParseCallback(header, body)
			}
			var all []*vendors.Notice
			for _, event := range events {
				one, err := good.ParseCallback(header, event)
				if err != nil {
					return nil, err
				}
				all = append(all, one...)
			}
			return which(all, body), nil
		}
	}
}

func batchBreakages() []breakage {
	return []breakage{
		{"CallbackData", "nobody can show one of several events", "", func(b *broken) {
			b.caps = func(c *postproof.Capabilities) { c.Callbacks.Batch = 50 }
		}},
		{"CallbackBatch", "only the first of several events", "", inBatches(func(all []*vendors.Notice, _ []byte) []*vendors.Notice { return all[:1] })},
		{"CallbackBatch", "each event has the bytes of all", "", inBatches(func(all []*vendors.Notice, body []byte) []*vendors.Notice {
			for _, n := range all {
				n.Event.Raw = bytes.Clone(body)
			}
			return all
		})},
		{"CallbackParse", "the time is that of the reading", "", func(b *broken) {
			b.notice = func(n *vendors.Notice) { n.Event.Status.VendorTime = time.Now() }
		}},
	}
}

// TestBatches: an adapter that tells of each passes.
func TestBatches(t *testing.T) {
	t.Parallel()
	for _, c := range checks() {
		if c.name != "CallbackBatch" && c.name != "CallbackData" {
			continue
		}
		found := c.problems(t.Context(), func() Harness {
			h := harness(t, "lob")
			adapter, ok := h.Adapter.(full)
			if !ok {
				t.Fatal("the good adapter lacks an operation")
			}
			b := &broken{full: adapter}
			inBatches(func(all []*vendors.Notice, _ []byte) []*vendors.Notice { return all })(b)
			h.Adapter, h.Simulator = b.adapter(), b.sim(h.Simulator)
			return h
		})
		if len(found) > 0 {
			t.Errorf("%s: %v", c.name, found)
		}
	}
}
