package client_test

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// shaky is a store that fails when it is told to. A dead one is a process that
// was killed: nothing comes through any more.
type shaky struct {
	*idempotency.Memory
	dead atomic.Bool
	// before and after are asked around each commit: an error is returned, and
	// with one from before nothing is written.
	before, after func([]idempotency.Change) error
}

var errStore = fmt.Errorf("the disk is on fire")

func newShaky() *shaky { return &shaky{Memory: idempotency.NewMemory(postproof.ModeTest)} }

func (s *shaky) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	if s.dead.Load() {
		return nil, errStore
	}
	if s.before != nil {
		if err := s.before(changes); err != nil {
			return nil, err
		}
	}
	errs, err := s.Memory.Commit(ctx, changes)
	if s.after != nil && err == nil {
		if err := s.after(changes); err != nil {
			return nil, err
		}
	}
	return errs, err
}

func (s *shaky) Get(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
	if s.dead.Load() {
		return nil, errStore
	}
	return s.Memory.Get(ctx, id)
}

func (s *shaky) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
	if s.dead.Load() {
		return nil, errStore
	}
	return s.Memory.Claim(ctx, req)
}

func (s *shaky) Identity(ctx context.Context) (idempotency.Identity, error) {
	if s.dead.Load() {
		return idempotency.Identity{}, errStore
	}
	return s.Memory.Identity(ctx)
}
