package client_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A job stays in its campaign and with its contact when its paper is amended: caps and
// canaries count it there, and an erasure of the contact finds it.
func TestAmendLeavesTheJobWhereItIs(t *testing.T) {
	t.Parallel()
	for name, amend := range map[string]func(*postproof.Job){
		"another campaign": func(j *postproof.Job) { j.Campaign = "summer" },
		"another contact":  func(j *postproof.Job) { j.Contact = "ben" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
				if _, err := c.Enqueue(t.Context(), one(job("a"))); err != nil {
					t.Fatal(err)
				}
				j := job("a")
				j.To.Line1 = "2 Main Street"
				amend(&j)
				rec, err := c.Amend(t.Context(), j, client.Actor{By: "ann"})
				if postproof.CodeOf(err) != postproof.CodeInvalidArgument || strings.Contains(err.Error(), "ben") {
					t.Errorf("Amend = %v, %v, want an invalid argument that names nobody", rec, err)
				}
			})
		})
	}
	t.Run("left out", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
			urgent := job("a")
			urgent.Priority = 3
			if _, err := c.Enqueue(t.Context(), one(urgent)); err != nil {
				t.Fatal(err)
			}
			j := job("a")
			j.To.Line1, j.Campaign, j.Contact = "2 Main Street", "", ""
			rec, err := c.Amend(t.Context(), j, client.Actor{By: "ann"})
			if err != nil {
				t.Fatal(err)
			}
			var is postproof.Job
			if err := is.UnmarshalJSON(rec.Job); err != nil {
				t.Fatal(err)
			}
			if is.Campaign != "spring" || is.Contact != "a" || is.Priority != 3 || is.To.Line1 != "2 Main Street" {
				t.Errorf("it became %q %q %d %q", is.Campaign, is.Contact, is.Priority, is.To.Line1)
			}
		})
	})
}
