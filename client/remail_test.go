package client_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// tornSaysAnn is who wants another piece, and why.
var tornSaysAnn = client.Actor{By: "ann", Why: "it came torn"}

// A second piece on purpose is one piece, however often it is asked for, and
// what was wanted, by whom and why is written down with it.
func TestRemail(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, c := b.t, b.press, b.client
		first, err := c.Submit(t.Context(), job("a"))
		if err != nil {
			t.Fatal(err)
		}
		wish := client.Remail{Name: "torn"}
		second, err := c.Remail(t.Context(), "a", wish, tornSaysAnn)
		if err != nil {
			t.Fatal(err)
		}
		drain(t, c)
		if p.alive() != 2 || second.ID == first.ID || second.Fingerprint != first.Fingerprint || second.Contact != first.Contact || second.Campaign != first.Campaign {
			t.Fatalf("%d pieces; the second is %v, the first %v", p.alive(), second, first)
		}
		if strings.Contains(string(second.Key), "a/") || !strings.Contains(string(second.Key), string(first.ID)) {
			t.Errorf("the second key holds the first")
		}
		for range 2 {
			again, err := c.Remail(t.Context(), "a", wish, tornSaysAnn)
			if err != nil || again.ID != second.ID {
				t.Errorf("again: %v, %v; want the second one", again, err)
			}
			drain(t, c)
		}
		if p.alive() != 2 {
			t.Errorf("%d pieces, want 2", p.alive())
		}
		var log []client.ChangeEntry
		for e, err := range c.Changes(t.Context(), client.ChangeQuery{Actions: []client.Action{client.ActionRemail}}) {
			if err != nil {
				t.Fatal(err)
			}
			log = append(log, e)
		}
		if len(log) != 1 || log[0].By != "ann" || log[0].Why != "it came torn" || log[0].Target.Name != string(first.ID) ||
			!strings.Contains(string(log[0].After), string(second.ID)) {
			t.Errorf("change log %+v, want who, why and both ids, once", log)
		}
		if got := kinds(t, c, "a"); got[len(got)-1] != "remailed" {
			t.Errorf("history of the first %v", got)
		}
		wish.Name = "torn-again"
		if _, err := c.Remail(t.Context(), "a", wish, tornSaysAnn); err != nil {
			t.Fatal(err)
		}
		drain(t, c)
		if p.alive() != 3 {
			t.Errorf("%d pieces, want a third by another name", p.alive())
		}
		if diff := cmp.Diff(3, countStates(t, c)[idempotency.Accepted]); diff != "" {
			t.Errorf("accepted (-want +got):\n%s", diff)
		}
	})
}

func countStates(t *testing.T, c *client.Client) map[idempotency.State]int {
	t.Helper()
	left, err := c.Depth(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	out := map[idempotency.State]int{}
	for s, n := range left {
		out[s] = int(n)
	}
	return out
}

// What may still come is not sent a second time, and what is gone cannot be.
func TestRemailRefuses(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, m, c := b.t, b.press, b.ledger, b.client
		good := client.Remail{Name: "torn"}
		want := func(what string, code postproof.Code, key postproof.Key, r client.Remail, who client.Actor) error {
			t.Helper()
			_, err := c.Remail(t.Context(), key, r, who)
			if postproof.CodeOf(err) != code || postproof.DeliveryOf(err) != postproof.NotSent {
				t.Errorf("%s: err = %v, want %s", what, err, code)
			}
			return err
		}
		_ = want("no such job", postproof.CodeNotFound, "nobody", good, tornSaysAnn)
		_ = want("no name", postproof.CodeInvalidArgument, "a", client.Remail{}, tornSaysAnn)
		_ = want("nobody", postproof.CodeInvalidArgument, "a", good, client.Actor{Why: "x"})
		_ = want("no reason", postproof.CodeInvalidArgument, "a", good, client.Actor{By: "ann"})
		if _, err := c.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		_ = want("planned", postproof.CodeConflict, "contact-0", good, tornSaysAnn)
		p.faults(func(op, _ string, _ int) string { return map[string]string{"/order": "lose"}[op] })
		_, _ = c.Submit(t.Context(), job("b"))
		_ = want("unknown", postproof.CodeConflict, "b", good, tornSaysAnn)
		p.faults(nil)
		drain(t, c)
		if err := hold(t, c, m, idempotency.HoldOperator)("b"); err != nil {
			t.Fatal(err)
		}
		_ = want("held", postproof.CodeConflict, "b", good, tornSaysAnn)
		listed := good
		listed.Suppress = []snapshot.Suppression{{List: snapshot.NewSuppressionList([]string{"contact-0"}, nil)}}
		_ = want("on a list", postproof.CodePermissionDenied, "contact-0", listed, tornSaysAnn)
		if _, err := c.Cancel(t.Context(), "contact-0", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		drain(t, c)
		runFor(t, c, time.Hour)
		if n, err := m.Prune(t.Context(), time.Now().Add(time.Hour), 10); err != nil || n != 1 {
			t.Fatalf("pruned %d, %v", n, err)
		}
		if err := want("a tombstone", postproof.CodeConflict, "contact-0", good, tornSaysAnn); err == nil || !strings.Contains(err.Error(), "new key") {
			t.Errorf("err = %v, want what to do instead", err)
		}
		if _, err := c.Submit(t.Context(), job("d")); err != nil {
			t.Fatal(err)
		}
		m.BreakHistory()
		time.Sleep(time.Minute)
		if _, err := c.Remail(t.Context(), "d", good, tornSaysAnn); !errors.Is(err, client.ErrEpochChanged) {
			t.Errorf("a history that was broken: err = %v, want ErrEpochChanged", err)
		}
	})
}

// The second record, the change log and the first one's history are one commit.
func TestRemailIsOneCommit(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p := b.t, b.press
		m := newShaky()
		c := newClient(t, m, []*press{p})
		if _, err := c.Submit(t.Context(), job("a")); err != nil {
			t.Fatal(err)
		}
		m.before = func([]idempotency.Change) error { return errStore }
		if _, err := c.Remail(t.Context(), "a", client.Remail{Name: "torn"}, client.Actor{By: "ann", Why: "x"}); err == nil {
			t.Fatal("a commit that failed was reported as made")
		}
		commits := 0
		m.before = func(ch []idempotency.Change) error {
			if commits++; commits == 1 && (len(ch) != 1 || ch[0].Record == nil || len(ch[0].Settings) != 2) {
				t.Errorf("the commit has %d changes", len(ch))
			}
			return nil
		}
		if _, err := c.Remail(t.Context(), "a", client.Remail{Name: "torn"}, client.Actor{By: "ann", Why: "x"}); err != nil || commits != 1 {
			t.Errorf("%d commits, %v; want one", commits, err)
		}
	})
}
