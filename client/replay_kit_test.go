package client_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// list is a mailing list of so many contacts, c0 and on.
func list(n int) string {
	var b strings.Builder
	b.WriteString("contact_id,name,address_line1,city,state,zip\n")
	for i := range n {
		fmt.Fprintf(&b, "c%d,Jo Doe %d,%d Main St,Reno,NV,89501\n", i, i, i+1)
	}
	return b.String()
}

func takeList(t *testing.T, text string, opts ...snapshot.CSVOption) *snapshot.Snapshot {
	t.Helper()
	s, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(text), snapshot.Mapping{}, opts...), snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func card() client.Drop {
	return client.Drop{
		Name: "card", Class: postproof.FirstClass,
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<b>front</b>", Back: "<b>back</b>"}},
	}
}

func keyOf(i int) string { return fmt.Sprintf("spring/c%d/card", i) }

// replayOf is a replay of a list under a name.
func replayOf(s *snapshot.Snapshot, name string) client.Replay {
	return client.Replay{Name: name, Snapshot: s, Drop: card()}
}

func plan(t *testing.T, c *client.Client, r client.Replay) client.ReplayPlan {
	t.Helper()
	p, err := c.PlanReplay(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, k := range p.Counts {
		sum += k.Jobs
	}
	if sum != p.Total {
		t.Errorf("the counts sum up to %d, the total is %d", sum, p.Total)
	}
	var items int64
	for _, err := range c.ReplayItems(t.Context(), r) {
		if err != nil {
			t.Fatal(err)
		}
		items++
	}
	if items != p.Total {
		t.Errorf("%d items, the total is %d", items, p.Total)
	}
	return p
}

// counted is a plan's counts as "outcome reason".
func counted(p client.ReplayPlan) map[string]int64 {
	out := map[string]int64{}
	for _, k := range p.Counts {
		out[string(k.Outcome)+" "+k.Reason] = k.Jobs
	}
	return out
}

func runReplay(t *testing.T, c *client.Client, p client.ReplayPlan) client.ReplayProgress {
	t.Helper()
	got, err := c.RunReplay(t.Context(), p, client.Actor{By: "ann", Why: "outage of 3 March"}, client.ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// enqueueRows hands in the rows of a list from one to another.
func enqueueRows(t *testing.T, c *client.Client, s *snapshot.Snapshot, from, to int) {
	t.Helper()
	i := -1
	_, err := c.Enqueue(t.Context(), func(yield func(postproof.Job, error) bool) {
		for job, err := range client.Jobs(t.Context(), s, card()) {
			if i++; i < from || i >= to {
				continue
			}
			if !yield(job, err) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// bubble is one press and a client on it, with a time of their own.
type bubble struct {
	t      *testing.T
	press  *press
	ledger *idempotency.Memory
	client *client.Client
}

func inBubble(t *testing.T, test func(bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		m := idempotency.NewMemory(postproof.ModeTest)
		test(bubble{t, p, m, newClient(t, m, []*press{p})})
	})
}

func drainFor(t *testing.T, c *client.Client, d time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), d)
	defer stop()
	if _, err := c.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

func progressOf(t *testing.T, c *client.Client, name string) client.ReplayProgress {
	t.Helper()
	p, err := c.ReplayProgress(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
