package client_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/pipe"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// datedVendor is a simulated vendor that takes send dates as the real one does, behind a
// network that can be down.
type datedVendor struct {
	sim  *vendorsim.Sim
	down atomic.Bool
	lis  *pipe.Listener
}

func newDatedVendor(t *testing.T, name string, faults ...vendorsim.Rule) (*datedVendor, *client.Client) {
	t.Helper()
	return newDatedVendorSeen(t, name, time.Minute, faults...)
}

// newDatedVendorSeen has an idle client look so often for work.
func newDatedVendorSeen(t *testing.T, name string, every time.Duration, faults ...vendorsim.Rule) (*datedVendor, *client.Client) {
	t.Helper()
	sim, err := vendorsim.New(vendorsim.Config{
		Vendors: []vendorsim.Vendor{{Name: name}}, Lob: vendorsim.LobConfig{RateLimit: -1}, Faults: vendorsim.Plan{Rules: faults},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	d := &datedVendor{sim: sim, lis: pipe.New()}
	srv := &http.Server{Handler: sim.Vendor(name), ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(d.lis) }()
	t.Cleanup(func() { _ = srv.Close() })
	login := sim.Credentials(name)[0]
	var adapter vendors.Adapter
	switch name {
	case lob.Name:
		adapter, err = lob.New(login.Key, lob.WithBaseURL("http://lob/v1"), lob.WithUseType(lob.Operational))
	case pcm.Name:
		adapter, err = pcm.New(login.Key, login.Secret, login.Mode, pcm.WithBaseURL("http://pcm"))
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(t.Context(), idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{adapter}, client.WithLogger(quiet()), client.WithoutHints(), client.WithPollInterval(every),
		client.WithVendor(name, client.VendorConfig{Transport: retry.TransportConfig{DialContext: d.dial}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return d, c
}

func (d *datedVendor) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.down.Load() {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: errors.New("no route to host")}
	}
	return d.lis.Dial(ctx, network, addr)
}

// While a job waited, be it for a vendor that was out, its date came: it is mailed as
// soon as possible. Vendors take no date that has passed, and would refuse it for good.
func TestASendDateThatHasPassedIsNoReasonToRefuse(t *testing.T) {
	t.Parallel()
	for _, name := range []string{lob.Name, pcm.Name} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d, c := newDatedVendor(t, name)
				d.down.Store(true)
				j := job("a")
				j.SendDate = time.Now().Add(time.Hour)
				rec, err := c.Submit(t.Context(), j)
				if postproof.DeliveryOf(err) != postproof.NotSent {
					t.Fatalf("Submit = %v, %v", rec, err)
				}
				runFor(t, c, 48*time.Hour)
				d.down.Store(false)
				runFor(t, c, 12*time.Hour)
				rec = status(t, c, "a")
				if rec.State != idempotency.Accepted {
					t.Errorf("%v: %+v, %v", rec, rec.Refusal, kinds(t, c, "a"))
				}
				time.Sleep(10 * 24 * time.Hour)
				if n := len(d.sim.Prints()); n != 1 {
					t.Errorf("printed %d, want 1", n)
				}
			})
		})
	}
}

// What was sent with its date can only be sent again with it, and a vendor may refuse
// that once it has passed, whether it has the piece or not: it is looked up.
func TestASendDateThatPassesWhileTheOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, c := newDatedVendor(t, lob.Name, vendorsim.Rule{Boundary: vendorsim.SendErrorAfter, Rate: 1, Until: time.Now().Add(10 * time.Minute)})
		j := job("a")
		j.SendDate = time.Now().Add(time.Hour)
		if _, err := c.Submit(t.Context(), j); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatalf("Submit = %v", err)
		}
		d.down.Store(true)
		time.Sleep(2 * time.Hour)
		d.down.Store(false)
		runFor(t, c, time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || !slices.Contains(kinds(t, c, "a"), "cannot_rebuild") {
			t.Errorf("%v: %v", rec, kinds(t, c, "a"))
		}
		if n := len(d.sim.Prints()); n != 1 {
			t.Errorf("printed %d, want 1", n)
		}
	})
}

// A piece with a send date lies at its vendor until then, and can be canceled for as
// long: the window from its acceptance is over, and nobody has asked.
func TestCancelOfAPieceThatWaitsForItsDate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		vendor string
		after  time.Duration // of five days
		want   idempotency.CancelOutcome
	}{
		"lob, days before":     {lob.Name, 48 * time.Hour, idempotency.CancelDone},
		"lob, a minute before": {lob.Name, 5*24*time.Hour - time.Minute, idempotency.CancelDone},
		"lob, the day after":   {lob.Name, 6 * 24 * time.Hour, idempotency.CancelTooLate},
		"pcm, days before":     {pcm.Name, 48 * time.Hour, idempotency.CancelDone},
		"pcm, the day after":   {pcm.Name, 6 * 24 * time.Hour, idempotency.CancelTooLate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d, c := newDatedVendor(t, tc.vendor)
				j := job("a")
				j.SendDate = time.Now().Add(5 * 24 * time.Hour)
				if rec, err := c.Submit(t.Context(), j); err != nil {
					t.Fatalf("Submit = %v, %v", rec, err)
				}
				time.Sleep(tc.after)
				cancelJob(t, c, "a")
				runFor(t, c, 45*time.Second)
				rec := status(t, c, "a")
				if rec.Cancel.Outcome != tc.want {
					t.Errorf("%v %+v, want %s; %v", rec, rec.Cancel, tc.want, kinds(t, c, "a"))
				}
				time.Sleep(30 * 24 * time.Hour)
				alive := map[string]bool{}
				for _, l := range d.sim.Prints() {
					alive[l.VendorID] = l.Event == vendorsim.Printed
				}
				if want := tc.want == idempotency.CancelTooLate; len(alive) != 1 || alive[rec.Submissions[0].VendorID] != want {
					t.Errorf("printed %v, want %t", alive, want)
				}
			})
		})
	}
}

// Who asks to be forgotten, and to get no mail, gets none that still lies at its vendor:
// when it goes out is not forgotten with the job.
func TestErasureStopsAPieceThatWaitsForItsDate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		vendor string
		after  time.Duration // of five days
		want   idempotency.CancelOutcome
	}{
		"lob, days before":   {lob.Name, 48 * time.Hour, idempotency.CancelDone},
		"lob, the day after": {lob.Name, 6 * 24 * time.Hour, idempotency.CancelTooLate},
		"pcm, days before":   {pcm.Name, 48 * time.Hour, idempotency.CancelDone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, c := newDatedVendor(t, tc.vendor)
				j := job("a")
				j.SendDate = time.Now().Add(5 * 24 * time.Hour)
				rec, err := c.Submit(t.Context(), j)
				if err != nil {
					t.Fatalf("Submit = %v, %v", rec, err)
				}
				if got := rec.Submissions[0].SendDate; !got.Equal(j.SendDate) {
					t.Errorf("it was sent for %s, kept is %s", j.SendDate, got)
				}
				time.Sleep(tc.after)
				if _, err := c.Erase(t.Context(), client.Erasure{Keys: []postproof.Key{"a"}, Stop: true}, client.Actor{By: "ann", Why: "request"}); err != nil {
					t.Fatal(err)
				}
				runFor(t, c, time.Hour)
				if rec := status(t, c, "a"); rec.Cancel.Outcome != tc.want {
					t.Errorf("%v %+v, want %s", rec, rec.Cancel, tc.want)
				}
			})
		})
	}
}

// A piece that lies at its vendor for longer than pieces are followed for is not held
// for having no status of the mail before it was to be mailed, nor called silent.
func TestAPieceWithASendDateFarAhead(t *testing.T) {
	t.Parallel()
	for _, name := range []string{lob.Name, pcm.Name} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d, c := newDatedVendorSeen(t, name, time.Hour)
				j := job("a")
				j.SendDate = time.Now().Add(90 * 24 * time.Hour)
				if rec, err := c.Submit(t.Context(), j); err != nil {
					t.Fatalf("Submit = %v, %v", rec, err)
				}
				runFor(t, c, 89*24*time.Hour)
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted {
					t.Errorf("a day before its date: %v, %v; %v", rec, rec.Hold, kinds(t, c, "a"))
				}
				silence, err := c.Silence(t.Context())
				if err != nil || silence[0].Silent != 0 || c.Polls(name).Silent != 0 {
					t.Errorf("it is silent before its date: %+v, %+v, %v", silence, c.Polls(name), err)
				}
				if n := c.Polls(name).Polls; n < 8 || n > 25 {
					t.Errorf("%d polls before its date, want some and few", n)
				}
				// Test mode tells nothing of the mail: that is for a person, in its time.
				runFor(t, c, 60*24*time.Hour)
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted {
					t.Errorf("two months later: %v, %v; %v", rec, rec.Hold, kinds(t, c, "a"))
				}
				runFor(t, c, 2*24*time.Hour)
				if rec := status(t, c, "a"); rec.Hold.Reason != idempotency.HoldDeadline {
					t.Errorf("two days after that: %v, %v; %v", rec, rec.Hold, kinds(t, c, "a"))
				}
				if n := len(d.sim.Prints()); n != 1 {
					t.Errorf("printed %d, want 1", n)
				}
			})
		})
	}
}

// Who can ask the vendor comes long after the window from the acceptance has closed, and
// before the date: until then the piece lies there, and the wish waits.
func TestCancelOfAPieceThatWaitsForItsDateAndForCredentials(t *testing.T) {
	t.Parallel()
	for name, adapter := range unables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
				p.tune = func(c *postproof.Capabilities) { c.Cancel.Scheduled = true }
				home := newClient(t, store, []*press{p}, seldom())
				j := job("a")
				j.SendDate = time.Now().Add(20 * 24 * time.Hour)
				if rec, err := home.Submit(t.Context(), j); err != nil {
					t.Fatalf("Submit = %v, %v", rec, err)
				}
				c := unable(t, store, p, adapter, seldom())
				cancelJob(t, c, "a")
				runFor(t, c, 10*24*time.Hour)
				rec := status(t, c, "a")
				if rec.State != idempotency.Accepted || rec.Cancel.Outcome != "" || rec.Submissions[0].Unasked == "" {
					t.Fatalf("%v %+v; want the wish to stand", rec, rec.Cancel)
				}
				if rec.Fence > 600 { // nearly all on the first day: each ten minutes, and a look whether it can be polled
					t.Errorf("%d changes in ten days", rec.Fence)
				}
				runFor(t, home, 3*24*time.Hour)
				if rec := status(t, home, "a"); rec.Cancel.Outcome != idempotency.CancelDone || p.alive() != 0 {
					t.Errorf("with the credentials: %v %+v, %d alive", rec, rec.Cancel, p.alive())
				}
			})
		})
	}
}

// A record of before there were send dates in it is canceled by its job's.
func TestCancelOfAnOldPieceThatWaitsForItsDate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		after time.Duration
		want  idempotency.CancelOutcome
	}{"before": {3 * 24 * time.Hour, idempotency.CancelDone}, "after": {6 * 24 * time.Hour, idempotency.CancelTooLate}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
				p.tune = func(c *postproof.Capabilities) { c.Cancel.Scheduled = true }
				c := newClient(t, store, []*press{p}, seldom())
				j := job("a")
				j.SendDate = time.Now().Add(5 * 24 * time.Hour)
				rec, err := c.Submit(t.Context(), j)
				if err != nil {
					t.Fatalf("Submit = %v, %v", rec, err)
				}
				old := *rec
				old.Submissions = slices.Clone(rec.Submissions)
				old.SendDate, old.Submissions[0].SendDate, old.Fence = time.Time{}, time.Time{}, rec.Fence+1
				if err := idempotency.CommitOne(t.Context(), store, idempotency.Change{Record: &old, Expect: rec.Fence}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(tc.after)
				cancelJob(t, c, "a")
				runFor(t, c, time.Hour)
				if rec := status(t, c, "a"); rec.Cancel.Outcome != tc.want {
					t.Errorf("%v %+v, want %s", rec, rec.Cancel, tc.want)
				}
			})
		})
	}
}

// What is thought not to be at its vendor is watched for until its date, and by whoever
// can: what turns up weeks later is stopped before it is printed. Those who cannot ask
// do not look for ever and ever.
func TestWatchUntilTheSendDateAmongWorkers(t *testing.T) {
	t.Parallel()
	for name, adapter := range unables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
				p.tune = func(c *postproof.Capabilities) { c.Cancel.Scheduled = true }
				j := job("a")
				j.SendDate = time.Now().Add(30 * 24 * time.Hour)
				home, lost := lostOf(t, store, p, j)
				cancelJob(t, home, "a")
				c := unable(t, store, p, adapter, seldom())
				before := status(t, c, "a").Fence
				runFor(t, c, 12*24*time.Hour)
				if n := status(t, c, "a").Fence - before; n < 10 || n > 700 {
					t.Errorf("%d changes by who cannot ask in twelve days", n)
				}
				p.mu.Lock()
				p.orders = append(p.orders, &pressOrder{ID: "ghost", Ref: lost, Zip: "62701", Status: "accepted", At: time.Now()})
				p.mu.Unlock()
				runFor(t, home, 7*24*time.Hour)
				if rec := status(t, home, "a"); rec.State != idempotency.Canceled || rec.Submissions[0].Fate != idempotency.FateCanceled || p.alive() != 1 {
					t.Errorf("%v, %d alive; want the late one stopped, and the control", rec, p.alive())
				}
			})
		})
	}
}

// A job that is amended while it waits goes by its new date.
func TestAmendedSendDate(t *testing.T) {
	t.Parallel()
	p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
	c := newClient(t, store, []*press{p})
	if _, err := c.Enqueue(t.Context(), client.JobList(job("a"))); err != nil {
		t.Fatal(err)
	}
	j := job("a")
	j.SendDate = time.Now().Add(90 * 24 * time.Hour)
	rec, err := c.Amend(t.Context(), j, client.Actor{By: "ann"})
	if err != nil || !rec.SendDate.Equal(j.SendDate) {
		t.Errorf("Amend = %v, %v: dated %s, want %s", rec, err, rec.SendDate, j.SendDate)
	}
}
