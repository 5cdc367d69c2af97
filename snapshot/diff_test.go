package snapshot_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/snapshot"
)

func diffOf(t *testing.T, a, b *snapshot.Snapshot) []string {
	t.Helper()
	var out []string
	for c, err := range snapshot.Diff(t.Context(), a, b) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %s@%d was %d moved %t", c.Kind, c.Row.ContactID, c.Row.Number, c.Was, c.Moved))
	}
	return out
}

func TestDiff(t *testing.T) {
	t.Parallel()
	a := take(t, header+
		"1,Jo,1 Main St,,Reno,NV,89501\n"+
		"2,Al,2 Main St,,Reno,NV,89501\n"+
		"3,Bo,3 Main St,,Reno,NV,89501\n"+
		"4,Cy,4 Main St,,Reno,NV,89501\n"+
		"5,Di,5 Main St,,Reno,NV,89501\n"+
		"6,No City,6 Main St,,,NV,89501\n", snapshot.Options{})
	b := take(t, header+
		"6,No City,6 Main St,,Reno,NV,89501\n"+ // rejected before
		"5,Di,5 Main St,,Reno,NV,89501\n"+
		"4,Cy,4 MAIN STREET,,Reno,NV,89501\n"+ // another spelling
		"3,Bo,33 Main St,,Reno,NV,89501\n"+ // moved
		"1,Joe,1 Main St,,Reno,NV,89501\n", snapshot.Options{}) // another name
	want := []string{
		"removed 2@3 was 0 moved false",
		"added 6@2 was 0 moved false",
		"changed 4@4 was 5 moved false",
		"changed 3@5 was 4 moved true",
		"changed 1@6 was 2 moved false",
	}
	if diff := cmp.Diff(want, diffOf(t, a, b)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if got := diffOf(t, a, a); got != nil {
		t.Errorf("a snapshot differs from itself: %v", got)
	}
	for _, err := range snapshot.Diff(t.Context(), a, b) {
		if err != nil {
			t.Error(err)
		}
		break // and nothing goes on
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range snapshot.Diff(ctx, a, b) {
		if postproof.CodeOf(err) != postproof.CodeCanceled {
			t.Errorf("got %v, want canceled", err)
		}
	}
	for _, err := range snapshot.Diff(t.Context(), a, nil) {
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("got %v, want an invalid argument", err)
		}
	}
}

// A changed address is a change, not a new piece.
func TestDiffKeepsKeys(t *testing.T) {
	t.Parallel()
	list := header + "1,Jo,1 Main St,,Reno,NV,89501\n"
	a := take(t, list, snapshot.Options{})
	b := take(t, strings.Replace(list, "1 Main", "9 Main", 1), snapshot.Options{})
	for c, err := range snapshot.Diff(t.Context(), a, b) {
		if err != nil {
			t.Fatal(err)
		}
		was, now := postproof.DeriveKey(a.Campaign(), rows(t, a)[0].KeyPart(), "card"), postproof.DeriveKey(b.Campaign(), c.Row.KeyPart(), "card")
		if c.Kind != snapshot.Changed || !c.Moved || was != now {
			t.Errorf("change %s, moved %t, same key %t", c.Kind, c.Moved, was == now)
		}
	}
}

// Further columns count, by their names.
func TestDiffOfColumns(t *testing.T) {
	t.Parallel()
	list := "contact_id,name,address_line1,city,state,zip,code,tier\n1,Jo,1 Main St,Reno,NV,89501,A,x\n2,Al,2 Main St,Reno,NV,89501,B,y\n"
	opts := snapshot.Options{Columns: []string{"code"}}
	a := take(t, list, opts)
	if got := diffOf(t, a, take(t, strings.Replace(list, ",x", ",z", 1), opts)); got != nil {
		t.Errorf("a column that was not frozen makes a difference: %v", got)
	}
	want := []string{"changed 2@3 was 3 moved false"}
	if diff := cmp.Diff(want, diffOf(t, a, take(t, strings.Replace(list, ",B", ",Z", 1), opts))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}
