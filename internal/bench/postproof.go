package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
)

// openPostproof is the whole library on a ledger in memory: two transitions a
// job, routing, breaker, retries, counted sends, adapter, silent telemetry.
func openPostproof(ctx context.Context, v *vendor) (*session, error) {
	return openOn(ctx, v, idempotency.NewMemory(postproof.ModeTest))
}

// openOn is the whole library on the store given.
func openOn(ctx context.Context, v *vendor, store client.Store) (*session, error) {
	c, err := newClient(ctx, v, store)
	if err != nil {
		return nil, err
	}
	return &session{
		submit: func(ctx context.Context, job *postproof.Job) error {
			rec, err := c.Submit(ctx, *job)
			if err == nil && rec.State != idempotency.Accepted {
				return fmt.Errorf("the job is %s", rec.State)
			}
			return err
		},
		close: c.Close,
	}, nil
}

func newClient(ctx context.Context, v *vendor, store client.Store) (*client.Client, error) {
	adapter, err := newAdapter(v)
	if err != nil {
		return nil, err
	}
	return client.New(
		ctx, store, []vendors.Adapter{adapter},
		client.WithLogger(slog.New(slog.DiscardHandler)),
		client.WithTracerProvider(tracenoop.NewTracerProvider()),
		client.WithMeterProvider(metricnoop.NewMeterProvider()),
		client.WithConcurrency(callers),
		client.WithVendor(lob.Name, client.VendorConfig{
			Transport: retry.TransportConfig{DialContext: v.dial, MaxIdleConnsPerHost: 64},
		}),
	)
}

// newAdapter returns an adapter for a vendor without the real one's limits: a
// benchmark is not to wait for 150 requests in five seconds to be over, and
// uploads more than five megabytes.
func newAdapter(v *vendor) (*lob.Adapter, error) {
	adapter, err := lob.New("test_0123456789", lob.WithBaseURL(v.base))
	if err != nil {
		return nil, err
	}
	caps := adapter.Capabilities()
	if caps == nil {
		return nil, errors.New("the adapter has no capabilities")
	}
	caps.Rate = postproof.Rate{}
	caps.Limits.FileBytes = 16 << 20
	return adapter, nil
}
