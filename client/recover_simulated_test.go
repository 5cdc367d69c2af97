package client_test

import (
	"net/http"
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
	"github.com/postproof/postproof/vendors/postgrid"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// A backup that is restored again and again, at vendors as their APIs are: one that
// deduplicates for a day by a key, and one that takes no key.
func TestRecoverNoticesAtSimulatedVendors(t *testing.T) {
	t.Parallel()
	for _, name := range []string{lob.Name, pcm.Name} {
		for _, outage := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", which is down at the recovery"}[outage], func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { restoredAtASimulator(t, name, outage) })
			})
		}
	}
}

func restoredAtASimulator(t *testing.T, name string, outage bool) {
	t.Helper()
	sim, err := vendorsim.New(vendorsim.Config{
		Vendors: []vendorsim.Vendor{{Name: name}}, PCM: vendorsim.PCMConfig{ProcessSandbox: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	lis := pipe.New()
	srv := &http.Server{Handler: sim.Vendor(name), ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(lis) }()
	t.Cleanup(func() { _ = srv.Close() })
	newMail := func(s client.Store) *client.Client {
		c, err := client.New(t.Context(), s, []vendors.Adapter{simulated(t, sim, name)}, client.WithLogger(quiet()), client.WithoutHints(), seldom(),
			client.WithVendor(name, client.VendorConfig{Transport: retry.TransportConfig{DialContext: lis.Dial}}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	live := idempotency.NewMemory(postproof.ModeTest)
	if _, err := newMail(live).Enqueue(t.Context(), these(job("contact-0"))); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		time.Sleep(48 * time.Hour) // no key is honored for so long
		s := backupWithArt(t, live)
		for range n + 1 {
			restore(s)
		}
		if err := sim.SetOutage(name, vendorsim.OutageRefuse, outage); err != nil {
			t.Fatal(err)
		}
		c := newMail(s)
		if done := recovered(t, c, client.RecoverOptions{}); (!outage && done.Recoveries != n) || (outage && len(done.Unasked) != 1) {
			t.Errorf("restored for the %d. time: %+v", n+1, done)
		}
		if err := sim.SetOutage(name, vendorsim.OutageRefuse, false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // its breaker closes
		control(t, c, name, 1)
		runFor(t, c, 96*time.Hour)
		if rec := status(t, c, "contact-0"); rec.State != idempotency.Accepted && rec.State != idempotency.Done {
			t.Errorf("%v", rec)
		}
		id, _ := s.Identity(t.Context())
		mine := map[string]bool{}
		for gen := range 200 {
			mine[string(id.Namespace.Ref(id.Mode, "contact-0", gen))] = true
		}
		printed := 0
		for _, p := range sim.Prints() {
			if mine[p.Ref] && p.Event == vendorsim.Printed {
				printed++
			}
		}
		if printed != 1 {
			t.Errorf("restored for the %d. time: %d on paper, want one", n+1, printed)
		}
	}
}

// simulated is the adapter of a simulated vendor.
func simulated(t *testing.T, sim *vendorsim.Sim, name string) vendors.Adapter {
	t.Helper()
	account := sim.Credentials(name)[0]
	var a vendors.Adapter
	var err error
	switch name {
	case pcm.Name:
		a, err = pcm.New(account.Key, account.Secret, account.Mode, pcm.WithBaseURL("http://"+name))
	case postgrid.Name:
		a, err = postgrid.New(account.Key, postgrid.WithBaseURL("http://"+name+"/print-mail/v1"))
	default:
		a, err = lob.New(account.Key, lob.WithBaseURL("http://"+name+"/v1"), lob.WithUseType(lob.Operational))
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}
