package idempotency_test

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// letters are the states as the table abbreviates them.
func letter(s idempotency.State) string { return strings.ToUpper(string(s[:1])) }

// TestTableInDocIsWhatTheMachineDoes compares the table of states and events in
// the package documentation with what the machine was seen to do, both ways.
func TestTableInDocIsWhatTheMachineDoes(t *testing.T) {
	t.Parallel()
	unraced(t)
	seen := map[string]map[string]map[string]bool{} // event, from, to
	note := func(from idempotency.State, event string, to idempotency.State, err error) {
		if seen[event] == nil {
			seen[event] = map[string]map[string]bool{}
		}
		if seen[event][letter(from)] == nil {
			seen[event][letter(from)] = map[string]bool{}
		}
		if err == nil {
			seen[event][letter(from)][letter(to)] = true
		}
	}
	for _, vendors := range [][]string{{"blind", "key"}, {"list", "ref"}, {"key"}} {
		x := newExplorer(true, vendors...)
		x.seen = note
		x.tryEverything(t)
	}
	got := []string{}
	for _, event := range eventNames() {
		row := event
		for _, from := range idempotency.States() {
			cell := ""
			for _, to := range idempotency.States() {
				if seen[event][letter(from)][letter(to)] {
					cell += letter(to)
				}
			}
			if cell == "" {
				cell = "–"
			}
			row += " " + cell
		}
		got = append(got, row)
	}
	if diff := cmp.Diff(tableInDoc(t), got); diff != "" {
		t.Errorf("the package documentation says (-), the machine does (+):\n%s\nthe whole table:\n%s", diff, strings.Join(got, "\n"))
	}
}

// eventNames lists all events in the order of the table.
func eventNames() []string {
	var names []string
	for _, ev := range []idempotency.Event{
		idempotency.Intend{},
		idempotency.Answer{},
		idempotency.Expire{},
		idempotency.LookedUp{},
		idempotency.Observe{},
		idempotency.Replan{},
		idempotency.NoRoute{},
		idempotency.Postpone{},
		idempotency.Wake{},
		idempotency.CannotBuild{},
		idempotency.Finish{},
		idempotency.PutOnHold{},
		idempotency.Release{},
		idempotency.Decide{},
		idempotency.Reopen{},
		idempotency.Amend{},
		idempotency.WishCancel{},
		idempotency.CancelAnswer{},
		idempotency.Suspect{},
		idempotency.Refresh{},
		idempotency.Replay{},
		idempotency.Erase{},
	} {
		names = append(names, ev.Name())
	}
	return names
}

// TestTableNamesEveryEvent reads the events out of the source: one that is new
// must not be forgotten in the table.
func TestTableNamesEveryEvent(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("event.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(source)) {
		if strings.HasPrefix(line, "func (") && strings.Contains(line, ") Name() string { return ") {
			want = append(want, strings.Split(line, `"`)[1])
		}
	}
	got := eventNames()
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events in event.go (-), in the table (+):\n%s", diff)
	}
}

// tableInDoc reads the rows of the table in the package documentation.
func tableInDoc(t *testing.T) []string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "doc.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := doc.NewFromFiles(files, []*ast.File{file}, "github.com/postproof/postproof/idempotency")
	if err != nil {
		t.Fatal(err)
	}
	rows, head := []string{}, ""
	for line := range strings.Lines(pkg.Doc) {
		fields := strings.Fields(line)
		if len(fields) > 0 && slices.Contains(eventNames(), fields[0]) && strings.HasPrefix(line, "\t") {
			rows = append(rows, strings.Join(fields, " "))
		}
		if len(fields) > 0 && fields[0] == "event" {
			head = strings.Join(fields[1:], " ")
		}
	}
	var states []string
	for _, s := range idempotency.States() {
		states = append(states, string(s))
	}
	if want := strings.Join(states, " "); head != want {
		t.Errorf("the table's columns are %q, want %q", head, want)
	}
	return rows
}

// tryEverything applies every event, now and much later, to a fresh job, to
// what comes of it, and so on: to one record of each shape, whether a world
// could bring it about or not.
func (x *explorer) tryEverything(t *testing.T) {
	t.Helper()
	tried := map[string]bool{}
	for todo := []world{{rec: newRecord()}, x.lateAndDifferent(), x.watchedAtTheEnd()}; len(todo) > 0; todo = todo[1:] {
		w := todo[0]
		for _, later := range []int16{0, settleFor + 1, 40} {
			claimed := w
			claimed.now += later
			claimed.claim()
			for _, ev := range x.everyEvent(&claimed) {
				next := claimed
				if x.apply(&next, ev) != nil {
					continue
				}
				s := shape(next.rec)
				if len(tried) < 800 && !tried[s] && next.rec.EraseAt.IsZero() && next.rec.Generation <= 2 && len(next.rec.Submissions) <= 3 {
					tried[s] = true
					todo = append(todo, next)
				}
				switch live := len(next.rec.Live()); {
				case live == 0 && (next.rec.State == idempotency.Unknown || next.rec.State == idempotency.Sending):
					t.Fatalf("%+v on\n%s\nleaves nothing to ask about: %s", ev, describe(&claimed), describe(&next))
				case live > 0 && (next.rec.State == idempotency.Planned || next.rec.State == idempotency.Refused || next.rec.State == idempotency.Canceled):
					t.Fatalf("%+v on\n%s\nforgets a submission: %s", ev, describe(&claimed), describe(&next))
				}
			}
		}
	}
	t.Logf("%v: %d shapes of a record", x.vendors, len(tried))
}

// lateAndDifferent is a job whose second generation is being sent when a piece
// of the first turns up that is not ours: too rare to be come upon by chance.
func (x *explorer) lateAndDifferent() world {
	w := world{rec: newRecord()}
	send := func(g uint8) {
		w.claim()
		_, _ = x.intend(&w, 0, g)
	}
	send(1)
	other := idempotency.Sighting{Receipt: postproof.Receipt{VendorID: "other"}, Alive: true, Status: postproof.Status{Stage: postproof.StageAccepted}}
	dead := other
	dead.Alive, dead.Status.Stage = false, postproof.StageFailed
	x.must(&w, idempotency.Observe{Vendor: x.vendors[0], Ref: exampleRef(1), Sighting: dead})
	x.must(&w, x.answer(&w, reply{gen: 1, delivery: postproof.Unknown, order: -1, intent: w.rec.Current().Intent}))
	send(2)
	other.Receipt.VendorID = "another"
	x.must(&w, idempotency.Observe{Vendor: x.vendors[0], Ref: exampleRef(1), Sighting: other})
	return w
}

// watchedAtTheEnd is a job that is done when the answer of its first generation
// comes, so that its vendor is watched again.
func (x *explorer) watchedAtTheEnd() world {
	w := world{rec: newRecord()}
	r := *w.rec
	r.State, r.Generation, r.Deadline = idempotency.Done, 2, time.Time{}
	r.Receipt = postproof.Receipt{Vendor: x.vendors[0], VendorID: "seen", Ref: exampleRef(2), AcceptedAt: w.time()}
	r.Status = postproof.Status{Stage: postproof.StageDelivered, Source: postproof.SourcePoll}
	r.Submissions = []idempotency.Submission{
		{
			Generation: 1, Vendor: x.vendors[0], Ref: exampleRef(1), Account: "acct", FirstAt: w.time(), LastAt: w.time(), Sends: 1,
			Join: postproof.Unknown, Fate: idempotency.FateAbsent, WatchUntil: w.time().Add(6 * tick), NextWatch: w.time(),
		},
		{
			Generation: 2, Vendor: x.vendors[0], Ref: exampleRef(2), Account: "acct", FirstAt: w.time(), LastAt: w.time(), Sends: 1,
			Join: postproof.Accepted, VendorID: "seen",
		},
	}
	w.rec = &r
	return w
}

// shape is what decides which states an event can lead to.
func shape(r *idempotency.Record) string {
	var b strings.Builder
	fmt.Fprint(&b, r.State, r.Cancel.Stands(), r.Hold.Reason, r.Receipt.IsZero(), r.Status.Stage.Terminal(), r.Prior != nil, r.Awaits)
	for _, s := range r.Submissions {
		fmt.Fprint(&b, " ", s.Generation == r.Generation, s.Join, s.Fate, s.Late, s.Misses)
	}
	return b.String()
}

// everyEvent returns events of every kind, with every outcome, for everything
// that the record knows.
func (x *explorer) everyEvent(w *world) []idempotency.Event {
	in := func(d time.Duration) time.Time { return w.time().Add(d) }
	all := []idempotency.Event{
		idempotency.Expire{},
		idempotency.Replan{},
		idempotency.NoRoute{Code: postproof.CodeUnsupported},
		idempotency.Postpone{Until: in(time.Hour)},
		idempotency.Postpone{Until: in(200 * time.Hour), Note: "send date"},
		idempotency.Postpone{Until: in(time.Hour), Awaits: "a pause"},
		idempotency.Wake{},
		idempotency.Reopen{By: "ann", Decision: decisionOf(w.rec)},
		idempotency.CannotBuild{},
		idempotency.Finish{},
		idempotency.Refresh{},
		idempotency.WishCancel{By: "ann"},
		idempotency.Release{By: "ann"},
		idempotency.Replay{Run: "again", By: "ann"},
		idempotency.PutOnHold{Reason: idempotency.HoldDeadline},
		idempotency.PutOnHold{Reason: idempotency.HoldOperator},
		idempotency.Amend{Job: []byte(`{"v":3}`), Fingerprint: "v1:3", By: "ann"},
		idempotency.Decide{Verdict: idempotency.VerdictAccepted, By: "ann", Why: "seen"},
		idempotency.Decide{Verdict: idempotency.VerdictPlanned, By: "ann", Why: "not there"},
		idempotency.Decide{Verdict: idempotency.VerdictCanceled, By: "ann", Why: "not wanted"},
		x.suspicion(w.rec.Generation, w.rec.Generation+1),
		idempotency.Erase{},
		idempotency.Erase{Now: true},
		idempotency.Erase{Stop: true},
	}
	for v, name := range x.vendors {
		all = append(all, idempotency.Intend{
			Owner: "worker", Vendor: name, Account: "acct", Mode: postproof.ModeTest, Ref: exampleRef(w.rec.Generation),
			VendorKey: "k", Encoder: "e1", Digest: "d1" + string(w.rec.Fingerprint),
		})
		for g := 1; g <= w.rec.Generation; g++ {
			all = append(all, x.everyWord(w, uint8(v), exampleRef(g))...)
		}
	}
	return all
}

// decisionOf returns the fence of the decision that can be taken back.
func decisionOf(r *idempotency.Record) uint64 {
	if r.Prior == nil {
		return 0
	}
	return r.Prior.Fence
}

// everyWord returns everything that a vendor can say about one reference.
func (x *explorer) everyWord(w *world, v uint8, ref postproof.Ref) []idempotency.Event {
	name, intent := x.vendors[v], uint64(1)
	if s := w.rec.Current(); s != nil {
		intent = s.Intent
	}
	see := func(stage postproof.Stage, equal bool) idempotency.Sighting {
		dead := stage == postproof.StageFailed || stage == postproof.StageCanceled
		return idempotency.Sighting{
			Receipt: postproof.Receipt{VendorID: "seen"}, Alive: !dead, Equal: equal,
			Status: postproof.Status{Stage: stage, Source: postproof.SourcePoll},
		}
	}
	const lost = 1 << 20 // an intent of a history that was lost
	words := []idempotency.Event{
		idempotency.Answer{Vendor: name, Ref: ref, Intent: intent, Delivery: postproof.NotSent},
		idempotency.Answer{Vendor: name, Ref: ref, Intent: intent, Delivery: postproof.Refused, Code: postproof.CodeRateLimited},
		idempotency.Answer{Vendor: name, Ref: ref, Intent: intent, Delivery: postproof.Refused, Code: postproof.CodeInvalidArgument},
		idempotency.Answer{Vendor: name, Ref: ref, Intent: intent, Delivery: postproof.Unknown, Duplicate: true},
		idempotency.Answer{Vendor: name, Ref: ref, Intent: lost, Delivery: postproof.Unknown},
		idempotency.LookedUp{Vendor: name, Ref: ref, Failed: true},
		idempotency.LookedUp{Vendor: name, Ref: ref, Complete: true, Control: true},
		idempotency.Observe{Vendor: name, Ref: ref, Missing: true},
		idempotency.CancelAnswer{Vendor: name, Ref: ref, TooLate: true},
		idempotency.CancelAnswer{Vendor: name, Ref: ref},
	}
	for _, s := range []idempotency.Sighting{
		see(postproof.StageAccepted, true), see(postproof.StageMailed, true), see(postproof.StageAccepted, false),
		see(postproof.StageDelivered, true), see(postproof.StageFailed, true), see(postproof.StageCanceled, true),
	} {
		words = append(words, idempotency.Answer{Vendor: name, Ref: ref, Intent: intent, Delivery: postproof.Accepted, Order: &s},
			idempotency.LookedUp{Vendor: name, Ref: ref, Complete: true, Control: true, Orders: []idempotency.Sighting{s}},
			idempotency.Observe{Vendor: name, Ref: ref, Sighting: s}, idempotency.CancelAnswer{Vendor: name, Ref: ref, ReadBack: &s})
	}
	return words
}
