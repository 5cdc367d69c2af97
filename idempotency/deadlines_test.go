package idempotency_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
)

func TestDeadlines(t *testing.T) {
	t.Parallel()
	t.Run("zero", func(t *testing.T) {
		t.Parallel()
		if err := (idempotency.Deadlines{}).Validate(); err != nil {
			t.Errorf("the defaults are refused: %v", err)
		}
		full := idempotency.Deadlines{}.WithDefaults()
		want := idempotency.Deadlines{
			PlannedFor: 720 * time.Hour, UnknownFor: 168 * time.Hour, TrackFor: 1440 * time.Hour,
			WatchFor: 72 * time.Hour, WatchEvery: 6 * time.Hour, RetryBase: 30 * time.Second, RetryCap: 30 * time.Minute, MaxGenerations: 4,
		}
		if full != want {
			t.Errorf("the defaults are %+v, documented are %+v", full, want)
		}
		if again := full.WithDefaults(); again != full {
			t.Errorf("what is set became %+v", again)
		}
	})
	for _, c := range []struct {
		d    idempotency.Deadlines
		says string
	}{
		{idempotency.Deadlines{PlannedFor: -1}, "PlannedFor is -1ns"},
		{idempotency.Deadlines{UnknownFor: -time.Hour}, "UnknownFor is -1h0m0s"},
		{idempotency.Deadlines{TrackFor: -1}, "TrackFor"},
		{idempotency.Deadlines{WatchFor: -1}, "WatchFor is"},
		{idempotency.Deadlines{WatchEvery: -1}, "WatchEvery is"},
		{idempotency.Deadlines{RetryBase: -1}, "RetryBase is"},
		{idempotency.Deadlines{RetryCap: -1}, "RetryCap is"},
		{idempotency.Deadlines{MaxGenerations: -1}, "MaxGenerations is -1"},
		{idempotency.Deadlines{MaxGenerations: 101}, "want at most 100"},
		{idempotency.Deadlines{RetryBase: time.Hour}, "more than RetryCap, 30m0s"},
		{idempotency.Deadlines{WatchFor: time.Hour}, "more than WatchFor, 1h0m0s"},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Parallel()
			if err := c.d.Validate(); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v: %v, want %q", c.d, err, c.says)
			}
		})
	}
}
