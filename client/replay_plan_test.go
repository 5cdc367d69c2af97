package client_test

import (
	"context"
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

// byContact has the press do something to the pieces under some references.
func byContact(refs map[string]string) func(op, ref string, n int) string {
	return func(op, ref string, _ int) string {
		if op == "/order" {
			return refs[ref]
		}
		return ""
	}
}

// One job of each fate: the plan has each once, and says why.
func TestPlanReplayTellsWhatWouldHappen(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, m, c := b.t, b.press, b.ledger, b.client
		s := takeList(t, list(12)+"c12,Jo Doe,,Reno,NV,89501\n")
		id, err := m.Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ref := func(i int) string { return string(id.Namespace.Ref(id.Mode, postproof.Key(keyOf(i)), 1)) }
		p.faults(byContact(map[string]string{ref(1): "422", ref(2): "lose", ref(3): "429"}))
		enqueueRows(t, c, s, 0, 1) // 0 accepted, 1 refused, 2 unknown, 3 waits
		drain(t, c)
		enqueueRows(t, c, s, 1, 2)
		drain(t, c)
		enqueueRows(t, c, s, 2, 3) // before the vendor wants to be left alone
		runFor(t, c, 30*time.Second)
		enqueueRows(t, c, s, 3, 4)
		runFor(t, c, 30*time.Second)
		enqueueRows(t, c, s, 4, 9)
		for i, do := range map[int]func(key postproof.Key) error{
			4: func(key postproof.Key) error {
				_, err := c.Cancel(t.Context(), key, client.Actor{By: "ann"})
				return err
			},
			5: hold(t, c, m, idempotency.HoldOperator),
			6: hold(t, c, m, idempotency.HoldDeadline),
		} {
			if err := do(postproof.Key(keyOf(i))); err != nil {
				t.Fatal(err)
			}
		}
		// 7 waits and moves, 8 waits and wants no mail, 9 wants none, 10 and 11 are new.
		moved := strings.Replace(list(12), "8 Main St", "80 Oak Ave", 1)
		r := replayOf(takeList(t, moved+"c12,Jo Doe,,Reno,NV,89501\n"), "run")
		r.Suppress = []snapshot.Suppression{{List: snapshot.NewSuppressionList([]string{"c8", "c9", "c0"}, nil)}}
		got := plan(t, c, r)
		want := map[string]int64{
			"accepted accepted": 1, "refused " + postproof.CodeInvalidArgument.String(): 1, "settle " + status(t, c, keyOf(2)).Current().Code.String(): 1,
			"waiting " + postproof.CodeRateLimited.String(): 1, "canceled canceled": 1, "held operator": 1, "again deadline": 1,
			"changed planned": 1, "suppressed do_not_mail": 2, "new not_in_ledger": 2,
		}
		if diff := cmp.Diff(want, counted(got)); diff != "" {
			t.Errorf("plan (-want +got):\n%s", diff)
		}
		if got.Total != 12 || got.RowsRejected != 1 || got.Sends() != 3 || got.Acts() != 5 {
			t.Errorf("total %d, rows rejected %d, sends %d, acts %d; want 12, 1, 3, 5", got.Total, got.RowsRejected, got.Sends(), got.Acts())
		}
		if diff := cmp.Diff([]client.ReplayCost{{Vendor: "alpha", Jobs: 3}}, got.Costs); diff != "" {
			t.Errorf("costs (-want +got):\n%s", diff)
		}
		r.Refused = true
		if n := plan(t, c, r); n.Count(client.ReplayAgain) != 2 || n.Count(client.ReplayRefused) != 0 {
			t.Errorf("asked for the refused: %v", counted(n))
		}
	})
}

// hold returns what holds a job for a reason.
func hold(t *testing.T, c *client.Client, m *idempotency.Memory, reason idempotency.HoldReason) func(postproof.Key) error {
	t.Helper()
	return func(key postproof.Key) error {
		rec, err := c.Status(t.Context(), key)
		if err != nil {
			return err
		}
		machine := idempotency.Machine{}
		ch, err := machine.Apply(rec, time.Now(), idempotency.PutOnHold{Reason: reason})
		if err != nil {
			return err
		}
		return idempotency.CommitOne(t.Context(), m, ch)
	}
}

// The same rows give the same keys, however the list is written: nothing is new.
func TestPlanReplayKnowsTheSameRows(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, c := b.t, b.press, b.client
		s := takeList(t, list(5)+"ü/1%,Zoë Müller,9 Main St,Reno,NV,89501\n")
		enqueueRows(t, c, s, 0, 6)
		drain(t, c)
		other := "zip,state,city,address_line1,name,contact_id\r\n" +
			"89501,NV,Reno,9 Main St,Zo\xeb M\xfcller,\xfc/1%\r\n" + "89501,NV,Reno,5 Main St,Jo Doe 4,c4\r\n" + "89501,NV,Reno,1 Main St,Jo Doe 0,c0\r\n"
		r := replayOf(takeList(t, other, snapshot.WithEncoding(snapshot.Windows1252)), "run")
		if diff := cmp.Diff(map[string]int64{"accepted accepted": 3}, counted(plan(t, c, r))); diff != "" {
			t.Errorf("plan (-want +got):\n%s", diff)
		}
		// Another address is a change, not another piece.
		r = replayOf(takeList(t, strings.Replace(list(5), "2 Main St", "2 Oak Ave", 1)), "run")
		if diff := cmp.Diff(map[string]int64{"accepted accepted": 4, "changed accepted": 1}, counted(plan(t, c, r))); diff != "" {
			t.Errorf("plan (-want +got):\n%s", diff)
		}
		runReplay(t, c, plan(t, c, r))
		drain(t, c)
		if p.alive() != 6 {
			t.Errorf("%d pieces, want 6", p.alive())
		}
	})
}

// A query selects by state, vendor, code and time; what is in the list, too,
// counts once.
func TestPlanReplayQuery(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, c := b.t, b.press, b.client
		s := takeList(t, list(6))
		p.faults(func(op, _ string, _ int) string { return map[string]string{"/order": "422"}[op] })
		enqueueRows(t, c, s, 0, 2)
		drain(t, c)
		time.Sleep(time.Hour)
		noon := time.Now()
		p.faults(nil)
		enqueueRows(t, c, s, 2, 4)
		other := job("elsewhere")
		other.Campaign = "autumn"
		if _, err := c.Submit(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		drain(t, c)
		p.faults(func(op, _ string, _ int) string { return map[string]string{"/order": "429"}[op] })
		enqueueRows(t, c, s, 4, 5)
		runFor(t, c, time.Second)
		invalid := postproof.CodeInvalidArgument
		for name, tc := range map[string]struct {
			q    client.ReplayQuery
			want map[string]int64
		}{
			"all":      {client.ReplayQuery{}, map[string]int64{"refused invalid_argument": 2, "accepted accepted": 3, "waiting rate_limited": 1}},
			"campaign": {client.ReplayQuery{Campaign: "autumn"}, map[string]int64{"accepted accepted": 1}},
			"state":    {client.ReplayQuery{States: []idempotency.State{idempotency.Refused}}, map[string]int64{"again invalid_argument": 2}},
			"code":     {client.ReplayQuery{Codes: []postproof.Code{invalid}}, map[string]int64{"again invalid_argument": 2}},
			"code, of a vendor": {
				client.ReplayQuery{Codes: []postproof.Code{invalid}, Vendor: "beta"}, map[string]int64{},
			},
			"another code": {client.ReplayQuery{Codes: []postproof.Code{postproof.CodeRateLimited}}, map[string]int64{"waiting rate_limited": 1}},
			"vendor":       {client.ReplayQuery{Vendor: "alpha", Campaign: "spring"}, map[string]int64{"refused invalid_argument": 2, "accepted accepted": 2, "waiting rate_limited": 1}},
			"since":        {client.ReplayQuery{Since: noon}, map[string]int64{"accepted accepted": 3, "waiting rate_limited": 1}},
			"until":        {client.ReplayQuery{Until: noon}, map[string]int64{"refused invalid_argument": 2}},
		} {
			if diff := cmp.Diff(tc.want, counted(plan(t, c, client.Replay{Query: &tc.q}))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		r := replayOf(s, "")
		r.Query = &client.ReplayQuery{States: []idempotency.State{idempotency.Accepted}}
		want := map[string]int64{"refused invalid_argument": 2, "accepted accepted": 3, "waiting rate_limited": 1, "new not_in_ledger": 1}
		if diff := cmp.Diff(want, counted(plan(t, c, r))); diff != "" {
			t.Errorf("a list and a query (-want +got):\n%s", diff)
		}
	})
}

// A plan costs what the vendors ask, at the vendor that would be the first to
// get the job.
func TestPlanReplayCosts(t *testing.T) {
	t.Parallel()
	p, q := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
	p.tune = func(c *postproof.Capabilities) { c.Countries = []string{"CA"} }
	c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p, q},
		client.WithVendor("beta", vendorConfig(q, func(*postproof.Job) int64 { return 62 })))
	got := plan(t, c, replayOf(takeList(t, list(3)), ""))
	if diff := cmp.Diff([]client.ReplayCost{{Vendor: "beta", Jobs: 3, Cents: 186, Priced: true}}, got.Costs); diff != "" {
		t.Errorf("costs (-want +got):\n%s", diff)
	}
	p.tune, q.tune = nil, nil
}

// What no vendor can print is told, and not sent.
func TestPlanReplayRejects(t *testing.T) {
	t.Parallel()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	p.tune = func(c *postproof.Capabilities) { c.Countries = []string{"CA"} }
	c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
	r := replayOf(takeList(t, list(3)), "run")
	if diff := cmp.Diff(map[string]int64{"rejected unsupported": 3}, counted(plan(t, c, r))); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	r.Drop.Piece = nil
	if diff := cmp.Diff(map[string]int64{"rejected invalid_argument": 3}, counted(plan(t, c, r))); diff != "" {
		t.Errorf("without a piece (-want +got):\n%s", diff)
	}
	if got := runReplay(t, c, plan(t, c, r)); got.Handed != 0 || got.Phase != client.ReplayFinished {
		t.Errorf("%+v, want nothing handed over", got)
	}
}

func TestPlanReplayArguments(t *testing.T) {
	t.Parallel()
	c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
	s, now := takeList(t, list(1)), time.Now()
	for name, r := range map[string]client.Replay{
		"nothing":         {Name: "run"},
		"a slash":         {Name: "a/b", Snapshot: s, Drop: card()},
		"no drop":         {Snapshot: s},
		"a time reversed": {Query: &client.ReplayQuery{Since: now, Until: now.Add(-time.Hour)}},
		"a large markup": {Snapshot: s, Drop: client.Drop{Name: "card", Class: postproof.FirstClass, Piece: postproof.Postcard{
			Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: strings.Repeat("x", 2<<20)},
		}}},
	} {
		if _, err := c.PlanReplay(t.Context(), r); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("%s: %v, want an invalid argument", name, err)
		}
		for _, err := range c.ReplayItems(t.Context(), r) {
			if postproof.CodeOf(err) != postproof.CodeInvalidArgument {
				t.Errorf("%s: items: %v, want an invalid argument", name, err)
			}
		}
	}
	broken := errors.New("the list is away")
	r := replayOf(s, "")
	r.Suppress = []snapshot.Suppression{{List: snapshot.SuppressorFunc(func(context.Context, string, snapshot.AddressKey) (bool, error) { return false, broken })}}
	if _, err := c.PlanReplay(t.Context(), r); !errors.Is(err, broken) {
		t.Errorf("a list that cannot be asked: %v", err)
	}
}
