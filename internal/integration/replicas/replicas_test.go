package replicas_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/integration/pgtest"
	"github.com/postproof/postproof/internal/verify"
	"github.com/postproof/postproof/vendors/vendorsim"
)

func TestMain(m *testing.M) {
	if assigned := os.Getenv(workerEnv); assigned != "" {
		if err := work(assigned); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(pgtest.Main(m))
}

const replicas = 4

// jobs is the size of the campaign.
func jobs() int {
	if pgtest.Full() {
		return 20_000
	}
	return 4_000
}

// TestReplicasPrintOnce: four processes on one database mail a campaign. They
// are killed, frozen past their leases, told to stop, and replaced; one vendor
// is out half of the time, and every boundary of both fails now and then. Each
// piece is printed once, all work is finished, and no process is idle for long
// while there is work.
func TestReplicasPrintOnce(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	f := newFleet(t, seed, faults())
	list := f.enqueue(t, jobs())
	began := time.Now()
	f.day(t)
	took := time.Since(began)

	f.judge(t, list)
	n := f.count
	t.Logf("%d jobs in %s: %d killed, %d frozen, %d told to stop, vendor out for %.0f %% of it, %d late arrivals",
		jobs(), took.Round(time.Second), n.killed, n.frozen, n.stopped, 100*n.out.Seconds()/took.Seconds(), n.late)
	if n.killed == 0 || n.frozen == 0 || n.stopped == 0 || n.out == 0 {
		t.Error("the day was not as bad as it should have been: the test looks at nothing")
	}
	f.idle(t)
}

// enqueue enqueues the campaign and returns its list.
func (f *fleet) enqueue(t *testing.T, n int) string {
	t.Helper()
	c, err := f.plan.client(t.Context(), f.store)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := c.Enqueue(t.Context(), cards(n)); err != nil || out.New != int64(n) {
		t.Fatalf("Enqueue = %+v, %v, want %d new jobs", out, err, n)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	list.WriteString("contact_id,address_line1,address_line2,city,state,postal_code\n")
	for i := range n {
		to := recipient(i)
		fmt.Fprintf(&list, "%d,%s,,%s,%s,%s\n", i, to.Line1, to.City, to.Region, to.PostalCode)
	}
	return list.String()
}

func recipient(i int) postproof.Address {
	return postproof.Address{Name: "Current Resident", Line1: fmt.Sprintf("%d King Street", 100+i), City: "San Francisco", Region: "CA", PostalCode: "94107"}
}

// cards are the jobs of several campaigns.
func cards(n int) iter.Seq2[postproof.Job, error] {
	return func(yield func(postproof.Job, error) bool) {
		for i := range n {
			if !yield(postproof.Job{
				Key: postproof.Key(fmt.Sprintf("contact %d/postcard", i)), Campaign: fmt.Sprintf("clinic %d", i%3), Class: postproof.FirstClass, To: recipient(i),
				From:  postproof.Address{Company: "Springfield Clinic", Line1: "100 Main Street", City: "Springfield", Region: "IL", PostalCode: "62701"},
				Piece: postproof.Postcard{Size: postproof.Size6x9(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
			}, nil) {
				return
			}
		}
	}
}

// judge compares the list with the print log, and looks at what the ledger says.
func (f *fleet) judge(t *testing.T, list string) {
	t.Helper()
	log, err := os.ReadFile(f.sim.PrintLog())
	if err != nil {
		t.Fatal(err)
	}
	report, err := verify.Campaign(strings.NewReader(list), bytes.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err != nil || report.Printed != jobs() {
		t.Errorf("%d pieces are on paper, want %d: %v\n%+v", report.Printed, jobs(), err, report.Duplicates)
	}
	if len(report.ByVendor) < 2 {
		t.Errorf("printed by %v: the outages had no effect", report.ByVendor)
	}
	depth := f.depth(t)
	if got := depth[idempotency.Accepted] + depth[idempotency.Done]; got != int64(jobs()) {
		t.Errorf("the ledger ends with %v, want %d accepted", depth, jobs())
	}
	for e, err := range f.store.Entries(t.Context(), idempotency.EntryQuery{Kinds: []idempotency.EntryKind{"late_arrival"}}) {
		if err != nil {
			t.Fatal(err)
		}
		_ = e
		f.count.late++
	}
}

func (f *fleet) depth(t *testing.T) map[idempotency.State]int64 {
	t.Helper()
	rows, err := f.store.Depth(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	out := map[idempotency.State]int64{}
	for _, d := range rows {
		out[d.State] += d.Count
	}
	return out
}

// faults are those of a bad day. Pieces that fail days after they were accepted
// are another test's affair.
func faults() vendorsim.Plan {
	plan := vendorsim.ChaosPlan()
	kept := plan.Rules[:0]
	for _, r := range plan.Rules {
		if r.Boundary != vendorsim.SendLateFailure {
			kept = append(kept, r)
		}
	}
	plan.Rules = kept
	return plan
}

// pause waits, unless the test is over.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
