package postgres_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/internal/integration/pgtest"
	"github.com/postproof/postproof/snapshot"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// BenchmarkReplay mails lists of the same length with two clients: by an enqueue
// and a drain, and by a replay, whose counters are written in the commits of the
// jobs. It reports the jobs a second of both and how many times as long the replay
// takes, by the fastest of some rounds.
func BenchmarkReplay(b *testing.B) {
	const rows = 600
	rounds := 7
	if testing.Short() {
		rounds = 1
	}
	sim, err := vendorsim.Start(vendorsim.Config{Lob: vendorsim.LobConfig{RateLimit: -1}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = sim.Close() })
	printer, err := lob.New("test_simlob", lob.WithBaseURL(sim.URL+"/lob/v1"), lob.WithUseType(lob.Operational))
	if err != nil {
		b.Fatal(err)
	}
	schema := newSchema(b)
	var clients []*client.Client
	for range 2 {
		c, err := client.New(b.Context(), openStore(b, openDB(b, "pgx", pgtest.Shared(b)), schema), []vendors.Adapter{printer},
			client.WithConcurrency(32), client.WithPollInterval(20*time.Millisecond), client.WithVendor("lob", client.VendorConfig{Rate: postproof.Rate{Requests: 100_000, Per: time.Second}}), client.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		clients = append(clients, c)
	}
	drop := client.Drop{Name: "card", Class: postproof.FirstClass, Piece: postproof.Postcard{
		Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<b>front</b>", Back: "<b>back</b>"},
	}}
	lists := 0
	list := func() *snapshot.Snapshot {
		lists++
		var text strings.Builder
		text.WriteString("contact_id,name,address_line1,city,state,zip\n")
		for i := range rows {
			fmt.Fprintf(&text, "c%d,Jo Doe %d,%d Main St,Reno,NV,89501\n", i, i, i+1)
		}
		s, err := snapshot.Take(b.Context(), snapshot.CSV(strings.NewReader(text.String()), snapshot.Mapping{}), snapshot.Options{Campaign: fmt.Sprint("list ", lists), Store: snapshot.NewMemory()})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	drain := func() {
		var wg sync.WaitGroup
		for _, c := range clients {
			wg.Go(func() {
				if _, err := c.Drain(b.Context()); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
	}
	plain := func(s *snapshot.Snapshot) {
		if _, err := clients[0].Enqueue(b.Context(), client.Jobs(b.Context(), s, drop)); err != nil {
			b.Fatal(err)
		}
		drain()
	}
	replay := func(s *snapshot.Snapshot) {
		plan, err := clients[0].PlanReplay(b.Context(), client.Replay{Name: fmt.Sprint("run-", lists), Snapshot: s, Drop: drop})
		if err != nil {
			b.Fatal(err)
		}
		p, err := clients[0].RunReplay(b.Context(), plan, client.Actor{By: "ann"}, client.ReplayOptions{})
		if err != nil || p.Handed != rows {
			b.Fatal(p, err)
		}
		drain()
	}
	for b.Loop() {
		var took [2][]time.Duration
		for range rounds {
			for i, mail := range []func(*snapshot.Snapshot){plain, replay} {
				s := list()
				began := time.Now()
				mail(s)
				took[i] = append(took[i], time.Since(began))
			}
		}
		a, r := slices.Min(took[0]), slices.Min(took[1])
		b.ReportMetric(rows/a.Seconds(), "drained/s")
		b.ReportMetric(rows/r.Seconds(), "replayed/s")
		b.ReportMetric(r.Seconds()/a.Seconds(), "times")
	}
}
