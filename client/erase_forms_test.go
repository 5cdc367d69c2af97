package client_test

import (
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// Whoever asks to be forgotten may be typed in another of Unicode's forms than the
// one in which the ledger has the contact.
func TestEraseInAnotherForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kept, asked string }{{"Jos\u00e9", "Jose\u0301"}, {"Jose\u0301", "Jos\u00e9"}} {
		cl := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyRef)})
		j := job("k1")
		j.Contact = c.kept
		if _, err := cl.Submit(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		rep := erase(t, cl, client.Erasure{Contacts: []string{c.asked}, Now: true})
		if len(rep.Jobs) != 1 {
			t.Errorf("asked for %+q, with %+q in the ledger: %d jobs erased, want one", c.asked, c.kept, len(rep.Jobs))
		}
	}
}
