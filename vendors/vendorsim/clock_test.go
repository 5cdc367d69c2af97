package vendorsim_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/vendorsim"
)

var _ postproof.Clock = (*vendorsim.Clock)(nil)

func TestClockRunsAtItsScale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := vendorsim.NewClock(start(), 3600)
		time.Sleep(2 * time.Second)
		if got := c.Now().Sub(start()); got != 2*time.Hour {
			t.Errorf("two seconds are %v", got)
		}
		begin := time.Now()
		at := <-c.After(30 * time.Minute)
		if took := time.Since(begin); took < 500*time.Millisecond || took > 501*time.Millisecond {
			t.Errorf("half an hour took %v", took)
		}
		if got := at.Sub(start()); got < 150*time.Minute || got > 151*time.Minute {
			t.Errorf("woke at %v", got)
		}
		if _, fired := <-c.After(-time.Second); !fired {
			t.Error("a past moment does not fire")
		}
	})
}

func TestClockWaitersWakeWhenItMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := vendorsim.NewClock(start(), 0)
		soon, late := c.After(time.Hour), c.After(3*time.Hour)
		time.Sleep(1000 * time.Hour)
		select {
		case <-soon:
			t.Fatal("a clock that stands still woke somebody")
		default:
		}
		c.Advance(time.Hour)
		<-soon
		select {
		case <-late:
			t.Fatal("woke too early")
		default:
		}
		c.SetScale(2)
		begin := time.Now()
		<-late
		if took := time.Since(begin); took < time.Hour || took > time.Hour+time.Second {
			t.Errorf("two hours at twice the speed took %v", took)
		}
		c.Set(start())
		if got := c.Now(); !got.Equal(start()) {
			t.Errorf("set back to %v", got)
		}
	})
}

func TestClockIsFollowedFromItsAnchor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := vendorsim.NewClock(start(), 100)
		time.Sleep(3 * time.Second)
		c.Advance(time.Hour)
		raw, err := json.Marshal(c.Anchor())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(7 * time.Second)
		var anchor vendorsim.Anchor
		if err := json.Unmarshal(raw, &anchor); err != nil {
			t.Fatal(err)
		}
		if diff := vendorsim.NewClockAt(anchor).Now().Sub(c.Now()).Abs(); diff > time.Millisecond {
			t.Errorf("apart by %v", diff)
		}
	})
}
