package replicas_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers "pgx"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// workerEnv holds the [assignment] of a process that is a worker.
const workerEnv = "POSTPROOF_TEST_WORKER"

const (
	// scale is how many seconds of the campaign pass in a real one.
	scale = 240
	// lease is five seconds of ours.
	lease = 20 * time.Minute
)

// assignment is what a worker has to know.
type assignment struct {
	Name    string               `json:"name"`
	DSN     string               `json:"dsn"`
	Schema  string               `json:"schema"`
	Vendors string               `json:"vendors"`
	Clock   vendorsim.Anchor     `json:"clock"`
	Lob     vendorsim.Credential `json:"lob"`
	PCM     vendorsim.Credential `json:"pcm"`
	// Replay is what the worker replays beside its work; nil for nothing.
	Replay *replayOrder `json:"replay,omitempty"`
}

// activity is a line of a worker's output: how many jobs it claimed since the
// last one, or what it says of its replay.
type activity struct {
	At      time.Time   `json:"at"`
	Claimed int         `json:"claimed"`
	Replay  *replayNews `json:"replay,omitempty"`
}

// work is the main function of a worker: what any service on this library does.
func work(encoded string) (err error) {
	var a assignment
	if err := json.Unmarshal([]byte(encoded), &a); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := tell(0); err != nil { // from here on it may be told to stop
		return err
	}
	store, c, err := a.open(ctx)
	switch {
	case ctx.Err() != nil && err != nil: // told to stop before it began
		return nil
	case err != nil:
		return err
	}
	defer func() { err = errors.Join(err, c.Close(), store.Close()) }()
	if a.Replay != nil {
		var replay sync.WaitGroup
		replay.Go(func() { a.Replay.run(ctx, c) })
		defer replay.Wait()
	}
	return c.Run(ctx)
}

func (a *assignment) open(ctx context.Context) (*postgres.Store, *client.Client, error) {
	db, err := sql.Open("pgx", a.DSN)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(8)
	store, err := postgres.New(ctx, db, postgres.WithMode(postproof.ModeTest), postgres.WithSchema(a.Schema))
	if err != nil {
		return nil, nil, err
	}
	c, err := a.client(ctx, counting{store})
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return store, c, nil
}

func (a *assignment) client(ctx context.Context, store client.Store) (*client.Client, error) {
	clock := vendorsim.NewClockAt(a.Clock)
	first, err := lob.New(a.Lob.Key, lob.WithBaseURL(a.Vendors+"/lob/v1"), lob.WithUseType(lob.Marketing))
	if err != nil {
		return nil, err
	}
	second, err := pcm.New(a.PCM.Key, a.PCM.Secret, postproof.ModeTest, pcm.WithBaseURL(a.Vendors+"/pcm"), pcm.WithClock(clock))
	if err != nil {
		return nil, err
	}
	vendor := client.VendorConfig{Retry: retry.Config{AttemptTimeout: 500 * scale * time.Millisecond, Base: time.Second}}
	return client.New(ctx, store, []vendors.Adapter{first, second},
		client.WithClock(clock), client.WithOwner(a.Name), client.WithLease(lease), client.WithConcurrency(16), client.WithPollInterval(20*time.Second),
		client.WithDeadlines(idempotency.Deadlines{RetryBase: 20 * time.Second, RetryCap: 5 * time.Minute, MaxGenerations: 12}),
		client.WithVendor("lob", vendor), client.WithVendor("pcm", vendor),
		client.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))))
}

// counting tells of claims that brought work.
type counting struct{ *postgres.Store }

// Claim implements [idempotency.Store].
func (c counting) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
	found, err := c.Store.Claim(ctx, req)
	if len(found) > 0 {
		err = errors.Join(err, tell(len(found)))
	}
	return found, err
}

// tell writes how many jobs were claimed; the first line says that the worker is
// there.
func tell(claimed int) error {
	return json.NewEncoder(os.Stdout).Encode(activity{At: time.Now(), Claimed: claimed})
}
