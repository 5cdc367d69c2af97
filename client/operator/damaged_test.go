package operator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/damaged"
)

// The screens go on beside what is damaged, name it, say what to do, and exit as they
// do for anything that needs a person.
func TestScreensBesideWhatIsDamaged(t *testing.T) {
	t.Parallel()
	s := damaged.New()
	w := newWorld(t, s, []*printer{newPrinter(t, "printer")})
	w.enqueue(t, 0, 5)
	w.submit(t, job(7))
	rec, err := s.Get(t.Context(), idempotency.ID(idOf(1)))
	if err != nil {
		t.Fatal(err)
	}
	m := idempotency.Machine{}
	ch, err := m.Apply(rec, time.Now(), idempotency.PutOnHold{Reason: idempotency.HoldOperator})
	if err != nil {
		t.Fatal(err)
	}
	if err := idempotency.CommitOne(t.Context(), s, ch); err != nil {
		t.Fatal(err)
	}
	for _, state := range []idempotency.MessageState{idempotency.MessageWaiting, idempotency.MessageParked} {
		m := &idempotency.Message{Vendor: "printer", Mode: postproof.ModeTest, Dedupe: string(state), State: state, Header: map[string]string{"Event": "1"}, Body: []byte("{}")}
		if _, err := s.Inbox().Put(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		s.Message(m.ID, state == idempotency.MessageWaiting)
	}
	s.Record(job(0).Key) // planned
	s.Record(job(1).Key) // held
	s.Entry(1)
	names := []string{"record " + idOf(0), "record " + idOf(1), "message 1", "message 2", "entry 1"}
	for _, c := range []struct {
		args  []string
		names []string
	}{
		{[]string{"status"}, names},
		{[]string{"held"}, names[1:2]},
		{[]string{"incidents", "-since", "0"}, names[4:]},
		{[]string{"tally", job(0).Campaign}, nil},
	} {
		got := w.run(t, c.args...)
		text := strings.Join(strings.Fields(got.out), " ")
		want := operator.ExitNeedsPerson
		if c.names == nil {
			want = operator.ExitOK
		}
		if got.code != want {
			t.Errorf("%s exits %d, want %d: %s%s", c.args, got.code, want, got.out, got.err)
		}
		for _, name := range c.names {
			if !strings.Contains(text, name) || !strings.Contains(text, "backup") {
				t.Errorf("%s does not name %s, or not what to do:\n%s", c.args, name, got.out)
			}
		}
	}
	got := w.run(t, "held", "-json")
	if !strings.Contains(got.out, `"type":"damaged"`) {
		t.Errorf("held -json: %s", got.out)
	}
	if got := w.run(t, "show", idOf(2)[:10]); got.code != operator.ExitOK {
		t.Errorf("job exits %d: %s", got.code, got.err)
	}
	erased := w.run(t, "erase", "-run", "-now", "-yes", "-why", "request 17", string(job(7).Key))
	if erased.code != operator.ExitNeedsPerson || !strings.Contains(erased.out, "message 1 is damaged and could not be") {
		t.Errorf("erase exits %d: %s%s", erased.code, erased.out, erased.err)
	}
}

// A recovery beside a damaged record says how to go on without it.
func TestRecoverBesideADamagedRecord(t *testing.T) {
	t.Parallel()
	s := damaged.New()
	w := newWorld(t, s, []*printer{newPrinter(t, "printer")})
	w.enqueue(t, 0, 3)
	s.Record(job(1).Key)
	s.BreakHistory()
	first := w.run(t, "recover", "-yes")
	if first.code != operator.ExitError || !strings.Contains(first.err, "-leave-damaged") {
		t.Errorf("recover exits %d: %s%s", first.code, first.out, first.err)
	}
	second := w.run(t, "recover", "-yes", "-leave-damaged")
	if second.code != operator.ExitNeedsPerson || !strings.Contains(second.out, idOf(1)) {
		t.Errorf("recover -leave-damaged exits %d: %s%s", second.code, second.out, second.err)
	}
	if id, err := s.Identity(t.Context()); err != nil || id.EpochChanged() {
		t.Errorf("it is not recovered: %v", err)
	}
}
