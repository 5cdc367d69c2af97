package client

import (
	"fmt"
	"testing"
	"time"

	"github.com/postproof/postproof"
)

// However many pieces are accepted, some remembered ones are old enough to be
// listed by the vendor.
func TestControlsLieApart(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var c controls
	const n = 4 * 3600
	for i := range n {
		c.add(postproof.Ref(fmt.Sprint(i)), start.Add(time.Duration(i)*time.Second))
	}
	now := start.Add(n * time.Second)
	for _, sent := range []time.Duration{10 * time.Hour, 2 * time.Hour, time.Hour, 40 * time.Minute} {
		k, ok := c.since(now.Add(-sent), "")
		if age := now.Sub(k.at); !ok || age < min(sent, 2*time.Hour)-2*controlSpacing {
			t.Errorf("a send %s ago: control piece %v, %s old", sent, ok, age)
		}
	}
	if k, ok := c.since(now.Add(-10*time.Second), ""); !ok || !k.at.After(now.Add(-10*time.Second)) {
		t.Errorf("a send 10 s ago: control piece %v, %s", ok, k.at)
	}
	if len(c.list) > maxControls {
		t.Errorf("%d remembered", len(c.list))
	}
}

func TestControlsKeepNothingLost(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var c controls
	c.add("B", start.Add(time.Hour))
	c.add("A", start.Add(time.Minute)) // a replay of an older piece
	if k, _ := c.since(start, ""); k.ref != "A" {
		t.Fatalf("the oldest is %q", k.ref)
	}
	if k, _ := c.since(start, "A"); k.ref != "B" {
		t.Fatalf("a piece is its own control: %q", k.ref)
	}
	c.drop("A")
	c.add("A", start.Add(2*time.Hour))
	if k, ok := c.since(start.Add(time.Hour), ""); ok {
		t.Fatalf("%q came back after it was not found", k.ref)
	}
	for i := range 2 * maxLost {
		c.drop(postproof.Ref(fmt.Sprint(i)))
	}
	if len(c.lost) > maxLost {
		t.Fatalf("%d lost ones are remembered", len(c.lost))
	}
}
