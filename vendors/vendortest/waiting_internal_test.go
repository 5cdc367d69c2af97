package vendortest

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
)

// passing is a simulator that only counts the time.
type passing struct {
	Simulator
	passed time.Duration
}

func (p *passing) Advance(d time.Duration) { p.passed += d }

func TestWaitingMovesTheVendor(t *testing.T) {
	t.Parallel()
	sim := &passing{}
	clock := Waiting(sim)
	begin := clock.Now()
	if begin.Format(time.RFC1123) != AnswerDate {
		t.Errorf("it begins at %v", begin)
	}
	for _, d := range []time.Duration{3 * time.Second, time.Hour, -time.Hour, 0} {
		if err := postproof.Sleep(t.Context(), clock, d); err != nil {
			t.Fatal(err)
		}
	}
	if want := time.Hour + 3*time.Second; sim.passed != want || clock.Now().Sub(begin) != want {
		t.Errorf("the vendor moved by %v, the clock by %v, want %v", sim.passed, clock.Now().Sub(begin), want)
	}
}
