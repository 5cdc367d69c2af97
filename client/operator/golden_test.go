package operator_test

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// bad is a ledger with something of everything.
func bad(t *testing.T) *world {
	t.Helper()
	w, p := outage(t)
	began := time.Now().Truncate(time.Hour)
	time.Sleep(time.Until(began.Add(time.Minute)))
	p.setFault(func(n int) string {
		if n == 1 {
			return "refuse"
		}
		return ""
	})
	w.submit(t, job(7)) // refused, now or when the breaker lets it through
	w.drain(t)
	time.Sleep(time.Until(began.Add(2 * time.Minute)))
	w.must(t, operator.ExitOK, "decide", "canceled", idOf(2)[:12], "-why", "the offer has ended", "-yes")
	capped, err := client.New(t.Context(), w.store, w.adapters(), append(w.ways(), client.WithConcurrency(1), client.WithLogger(slog.New(slog.DiscardHandler)),
		client.WithCap(client.Cap{Campaign: "autumn", Pieces: 1}), client.WithCanary("winter", 2))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = capped.Close() })
	for i := range 6 {
		one := job(20 + i)
		one.Campaign = "autumn"
		if i >= 3 {
			one.Campaign = "winter"
		}
		if rec, err := capped.Submit(t.Context(), one); rec == nil {
			t.Fatal(err)
		}
	}
	incident := idempotency.Entry{ID: idempotency.ID(idOf(3)), At: time.Now(), Kind: "late_printed", Vendor: "alpha", Note: "could not be canceled: two pieces may exist"}
	if err := idempotency.CommitOne(t.Context(), w.store, idempotency.Change{Entries: []idempotency.Entry{incident}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(began.Add(10 * time.Minute)))
	return w
}

// The answers as they look: the files under testdata are what somebody sees.
func TestScreens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := bad(t)
		for _, tt := range []struct {
			name string
			code int
			args []string
		}{
			{"status", operator.ExitNeedsPerson, nil},
			{"status_json", operator.ExitNeedsPerson, []string{"-json"}},
			{"held", operator.ExitNeedsPerson, []string{"held"}},
			{"held_json", operator.ExitNeedsPerson, []string{"held", "-reason", "cap", "-json"}},
			{"refused", operator.ExitOK, []string{"refused"}},
			{"refused_json", operator.ExitOK, []string{"refused", "-campaign", "spring", "-vendor", "alpha", "-json"}},
			{"show", operator.ExitNeedsPerson, []string{"show", idOf(3)[:6]}},
			{"show_json", operator.ExitOK, []string{"show", "-json", idOf(2)}},
			{"history", operator.ExitOK, []string{"history", idOf(2)}},
			{"history_json", operator.ExitOK, []string{"history", "-json", idOf(2)}},
			{"incidents", operator.ExitNeedsPerson, []string{"incidents"}},
			{"tally", operator.ExitOK, []string{"tally", "spring"}},
			{"audit", operator.ExitNeedsPerson, []string{"audit", "alpha"}},
			{"silence", operator.ExitOK, []string{"silence"}},
			{"release_asks", operator.ExitNotConfirmed, []string{"release", "-all"}},
			{"release", operator.ExitOK, []string{"release", "-reason", "cap", "-yes"}},
			{"approve", operator.ExitOK, []string{"approve", "winter", "-yes"}},
			{"help", operator.ExitOK, []string{"help"}},
			{"help_decide", operator.ExitOK, []string{"decide", "-h"}},
		} {
			r := w.must(t, tt.code, tt.args...)
			golden(t, tt.name, r.out+r.err)
			if !strings.Contains(tt.name, "json") {
				for line := range strings.Lines(r.out + r.err) {
					if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 {
						t.Errorf("%s: a line of %d columns: %s", tt.name, n, line)
					}
				}
			}
		}
	})
}
