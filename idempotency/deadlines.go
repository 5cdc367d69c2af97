package idempotency

import (
	"cmp"
	"fmt"
	"time"
)

// Deadlines say how long a job may stay as it is before a person is asked, how often it
// is tried meanwhile, and how often it is made. A zero field means its default.
type Deadlines struct {
	// PlannedFor is how long a job may wait to be sent before it is held: from its
	// creation, or from when a vendor takes it where its send date is too far ahead
	// for that. Default 30 days.
	PlannedFor time.Duration
	// UnknownFor is how long an unknown outcome is looked into before the job
	// is held. Default 7 days.
	UnknownFor time.Duration
	// TrackFor is how long the status of an accepted piece is followed before
	// the job is held for having none: from its acceptance or its send date, whichever
	// is later. Default 60 days.
	TrackFor time.Duration
	// WatchFor is how long a vendor is watched for a late arrival: from the proof
	// that the piece is not there or its send date, whichever is later. Default 72
	// hours.
	WatchFor time.Duration
	// WatchEvery is the time between two looks of the watch. Default 6 hours. It is
	// longer while the send date is further ahead than WatchFor.
	WatchEvery time.Duration
	// RetryBase and RetryCap bound the exponential backoff between tries of
	// any kind. Default 30 seconds and 30 minutes.
	RetryBase, RetryCap time.Duration
	// MaxGenerations is how many generations a job may have by itself. Default
	// 4, and at most [MostGenerations]. A person may start more.
	MaxGenerations int
}

// MostGenerations bounds Deadlines.MaxGenerations.
const MostGenerations = 100

// WithDefaults returns the deadlines with no field zero.
func (d Deadlines) WithDefaults() Deadlines {
	const day = 24 * time.Hour
	return Deadlines{
		PlannedFor: cmp.Or(d.PlannedFor, 30*day), UnknownFor: cmp.Or(d.UnknownFor, 7*day), TrackFor: cmp.Or(d.TrackFor, 60*day),
		WatchFor: cmp.Or(d.WatchFor, 3*day), WatchEvery: cmp.Or(d.WatchEvery, 6*time.Hour),
		RetryBase: cmp.Or(d.RetryBase, 30*time.Second), RetryCap: cmp.Or(d.RetryCap, 30*time.Minute),
		MaxGenerations: cmp.Or(d.MaxGenerations, 4),
	}
}

// Validate refuses what would hold each job at once, end a watch at its first look, or
// never wait between two tries.
func (d Deadlines) Validate() error {
	for _, f := range [...]struct {
		name string
		v    time.Duration
	}{
		{"PlannedFor", d.PlannedFor},
		{"UnknownFor", d.UnknownFor},
		{"TrackFor", d.TrackFor},
		{"WatchFor", d.WatchFor},
		{"WatchEvery", d.WatchEvery},
		{"RetryBase", d.RetryBase},
		{"RetryCap", d.RetryCap},
	} {
		if f.v < 0 {
			return fmt.Errorf("%s is %s: want a positive duration, or 0 for the default", f.name, f.v)
		}
	}
	full := d.WithDefaults()
	switch {
	case d.MaxGenerations < 0:
		return fmt.Errorf("MaxGenerations is %d: want at least 1, or 0 for the default", d.MaxGenerations)
	case d.MaxGenerations > MostGenerations:
		return fmt.Errorf("MaxGenerations is %d: want at most %d: each is one more send that came to nothing, and one more to look for after a restored backup", d.MaxGenerations, MostGenerations)
	case full.RetryBase > full.RetryCap:
		return fmt.Errorf("RetryBase is %s, more than RetryCap, %s: the first wait cannot be longer than the longest", full.RetryBase, full.RetryCap)
	case full.WatchEvery > full.WatchFor:
		return fmt.Errorf("WatchEvery is %s, more than WatchFor, %s: the vendor would be looked at once or never", full.WatchEvery, full.WatchFor)
	}
	return nil
}
