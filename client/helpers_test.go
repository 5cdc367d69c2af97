package client_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
)

// logs keeps log lines as JSON.
type logs struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func (l *logs) count(s string) int { return strings.Count(l.text(), s) }

// runFor runs the client for a while.
func runFor(t *testing.T, c *client.Client, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := c.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// vendorConfig is a press's configuration with a price.
func vendorConfig(p *press, price func(*postproof.Job) int64) client.VendorConfig {
	return client.VendorConfig{
		Transport: retry.TransportConfig{DialContext: p.lis.dial}, Price: price,
		Callbacks: p.adapter().Capabilities().Callbacks.Auth != postproof.CallbackNone,
	}
}

// longTimeout lets an attempt take five minutes.
func longTimeout(p *press) client.VendorConfig {
	v := vendorConfig(p, nil)
	v.Retry.AttemptTimeout = 5 * time.Minute
	return v
}

func adaptersOf(presses ...*press) []vendors.Adapter {
	var all []vendors.Adapter
	for _, p := range presses {
		all = append(all, p.adapter())
	}
	return all
}
