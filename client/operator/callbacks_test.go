package operator_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// secretName stands in each payload, and is to be seen nowhere.
const secretName = "Jane Roe"

// received stores callbacks: message 1 is parked, 2 is tried again, 3 is new, 4 is applied,
// 5 and 6 are parked, the last without its payload.
func received(t *testing.T, w *world) idempotency.Inbox {
	t.Helper()
	engine, ok := w.store.(interface{ Inbox() idempotency.Inbox })
	if !ok {
		t.Fatal("the store has no inbox")
	}
	inbox := engine.Inbox()
	for i, m := range []idempotency.Message{
		{Vendor: "alpha", State: idempotency.MessageParked, Tries: 20, LastError: "handler: timeout"},
		{Vendor: "alpha", State: idempotency.MessageWaiting, Tries: 2, LastError: "handler: timeout", Due: time.Now().Add(time.Hour)},
		{Vendor: "alpha", State: idempotency.MessageWaiting},
		{Vendor: "alpha", State: idempotency.MessageApplied},
		{Vendor: "beta", State: idempotency.MessageParked, Tries: 20, LastError: "no record: not found"},
		{Vendor: "beta", State: idempotency.MessageParked, Tries: 20, LastError: "unreadable: bad JSON"},
	} {
		m.Mode, m.Dedupe, m.ReceivedAt = postproof.ModeTest, fmt.Sprint(i), time.Now().Add(-time.Duration(i)*time.Hour)
		if i < 5 {
			m.Body = []byte(`{"to": "` + secretName + `"}`)
		}
		if _, err := inbox.Put(t.Context(), &m); err != nil {
			t.Fatal(err)
		}
	}
	return inbox
}

func stateOf(t *testing.T, inbox idempotency.Inbox) string {
	t.Helper()
	var all []string
	for m, err := range inbox.List(t.Context(), idempotency.MessageQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(m.State))
	}
	return strings.Join(all, " ")
}

// Callbacks that failed are listed with why, and nothing of what they hold.
func TestCallbacksListsWhatFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{newPrinter(t, "alpha")})
	if r := w.must(t, operator.ExitOK, "callbacks"); !strings.Contains(r.out, "No callback has failed.") {
		t.Errorf("none has failed:\n%s", r.out)
	}
	received(t, w)
	all := w.must(t, operator.ExitNeedsPerson, "callbacks")
	for _, want := range []string{"4 callbacks failed, 3 of them parked", "handler: timeout", "no record: not found", "callbacks replay"} {
		if !strings.Contains(all.out, want) {
			t.Errorf("does not say %q:\n%s", want, all.out)
		}
	}
	for args, want := range map[string]string{
		"":                         "1 2 5 6",
		"-parked":                  "1 5 6",
		"-vendor beta":             "5 6",
		"-vendor alpha -parked":    "1",
		"-vendor nobody":           "",
		"-limit 1":                 "1",
		"-vendor beta -limit 1000": "5 6",
	} {
		code := operator.ExitNeedsPerson
		if want == "" {
			code = operator.ExitOK
		}
		r := w.must(t, code, append(append([]string{"callbacks"}, strings.Fields(args)...), "-json")...)
		var got []string
		for _, o := range r.objects(t) {
			if o["type"] == "callback" {
				got = append(got, fmt.Sprint(o["message"]))
			}
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("callbacks %s (-want +got):\n%s", args, diff)
		}
		if strings.Contains(r.out+all.out, secretName) {
			t.Errorf("callbacks %s shows a payload:\n%s", args, r.out)
		}
	}
	if r := w.run(t); !strings.Contains(r.out, "3 callbacks are parked") || !strings.Contains(r.out, "callbacks replay") {
		t.Errorf("the first screen does not say what to press:\n%s", r.out)
	}
}

// What is replayed waits for the receiving services again, and nothing else does.
func TestCallbacksReplay(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                      "waiting waiting waiting applied waiting parked", // the last has no payload any more
		"-parked":               "waiting waiting waiting applied waiting parked",
		"-vendor alpha":         "waiting waiting waiting applied parked parked",
		"-vendor beta -parked":  "parked waiting waiting applied waiting parked",
		"1":                     "waiting waiting waiting applied parked parked",
		"4 5 4":                 "parked waiting waiting waiting waiting parked",
		"-vendor nobody":        "parked waiting waiting applied parked parked",
		"-expect 3 -parked":     "waiting waiting waiting applied waiting parked",
		"-expect 4 -vendor all": "parked waiting waiting applied parked parked",
	} {
		w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{newPrinter(t, "alpha")})
		inbox := received(t, w)
		w.must(t, operator.ExitOK, append([]string{"callbacks", "replay", "-yes"}, strings.Fields(args)...)...)
		if diff := cmp.Diff(want, stateOf(t, inbox)); diff != "" {
			t.Errorf("callbacks replay %s (-want +got):\n%s", args, diff)
		}
	}
}

// Nothing is replayed that was not meant, and nothing unasked.
func TestCallbacksReplayAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{newPrinter(t, "alpha")})
	inbox := received(t, w)
	before := stateOf(t, inbox)
	for args, tt := range map[string]struct {
		code int
		say  string
	}{
		"replay":                  {operator.ExitNotConfirmed, "handler: timeout"},
		"replay -yes -expect 2":   {operator.ExitNotConfirmed, "it is about 4 callbacks"},
		"replay -yes 1 99":        {operator.ExitError, "of 2 callbacks 1 is in the ledger"},
		"replay -yes 0":           {operator.ExitUsage, "the number of a callback"},
		"replay -yes psc_1":       {operator.ExitUsage, "the number of a callback"},
		"replay -yes -parked 1":   {operator.ExitUsage, "not both"},
		"again":                   {operator.ExitUsage, "replay"},
		"replay -vendor x -yes 1": {operator.ExitUsage, "not both"},
	} {
		r := w.must(t, tt.code, append([]string{"callbacks"}, strings.Fields(args)...)...)
		if !strings.Contains(r.out+r.err, tt.say) {
			t.Errorf("callbacks %s does not say %q:\n%s%s", args, tt.say, r.out, r.err)
		}
	}
	if diff := cmp.Diff(before, stateOf(t, inbox)); diff != "" {
		t.Errorf("something was replayed (-want +got):\n%s", diff)
	}
}

// A service that takes callbacks in and never runs its receiver loses nothing, and knows
// nothing: the first screen says so.
func TestStatusTellsOfCallbacksThatNobodyApplies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const says = "Nobody seems to apply callbacks: 2 callbacks wait"
		s := idempotency.NewMemory(postproof.ModeTest)
		w := newWorld(t, s, []*printer{newPrinter(t, "alpha")})
		for i, due := range []time.Duration{0, 0, 3 * time.Hour} { // the last one waits for its next try
			now := time.Now()
			m := &idempotency.Message{Vendor: "alpha", Mode: postproof.ModeTest, Dedupe: fmt.Sprint(i), State: idempotency.MessageWaiting, ReceivedAt: now, Due: now.Add(due), Body: []byte("{}")}
			if _, err := s.Inbox().Put(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		if r := w.must(t, operator.ExitOK); strings.Contains(r.out, "apply callbacks") {
			t.Errorf("after a minute it is too early to say:\n%s", r.out)
		}
		time.Sleep(time.Hour)
		if r := w.must(t, operator.ExitNeedsPerson); !strings.Contains(flat(r), says) {
			t.Errorf("does not say %q:\n%s", says, r.out)
		}
		if _, err := s.Inbox().Claim(t.Context(), idempotency.ClaimRequest{Owner: "receiver", Now: time.Now(), Lease: time.Minute, Limit: 1}); err != nil {
			t.Fatal(err)
		}
		if r := w.must(t, operator.ExitOK); strings.Contains(r.out, "apply callbacks") {
			t.Errorf("somebody is at them:\n%s", r.out)
		}
	})
}
