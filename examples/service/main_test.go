package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func TestService(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), false, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"the list: 3 new, 0 known, 1 rows", "the list: 0 new, 3 known, 1 rows", "200 OK: with lob as accepted", "409 Conflict", "422 Unprocessable Entity",
		"4 pieces on paper, each once, and news of each",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), "200 OK"); n != 2 {
		t.Errorf("the same invoice again is answered %d times with 200, want 2:\n%s", n, out.String())
	}
}

// A stop that comes at once ends it, too.
func TestServiceIsStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, false, &bytes.Buffer{}); err == nil || postproof.CodeOf(err) != postproof.CodeCanceled {
		t.Errorf("error %v, want that it was canceled", err)
	}
}

// What is in the ledger is never answered as if it had to be handed in again.
func TestAnswers(t *testing.T) {
	t.Parallel()
	in := func(s idempotency.State) *idempotency.Record { return &idempotency.Record{State: s} }
	failed := func(c postproof.Code, d postproof.Delivery) error { return postproof.NewError(c, d, errors.New("x")) }
	for name, tt := range map[string]struct {
		rec    *idempotency.Record
		err    error
		status int
		says   string
	}{
		"accepted":   {in(idempotency.Accepted), nil, http.StatusOK, "accepted"},
		"unknown":    {in(idempotency.Unknown), failed(postproof.CodeUnavailable, postproof.Unknown), http.StatusAccepted, "may be with the vendor"},
		"planned":    {in(idempotency.Planned), failed(postproof.CodeUnavailable, postproof.NotSent), http.StatusAccepted, "is queued"},
		"held":       {in(idempotency.Held), failed(postproof.CodeConflict, postproof.Unknown), http.StatusAccepted, "a person"},
		"refused":    {in(idempotency.Refused), failed(postproof.CodeInvalidArgument, postproof.Refused), http.StatusAccepted, "a person"},
		"no address": {nil, failed(postproof.CodeInvalidArgument, postproof.NotSent), http.StatusUnprocessableEntity, "x"},
		"other key":  {nil, failed(postproof.CodeConflict, postproof.NotSent), http.StatusConflict, "x"},
		"no ledger":  {nil, failed(postproof.CodeUnavailable, postproof.NotSent), http.StatusServiceUnavailable, "try again"},
	} {
		if status, text := answer(tt.rec, tt.err); status != tt.status || !strings.Contains(text, tt.says) {
			t.Errorf("%s: %d %q, want %d with %q", name, status, text, tt.status, tt.says)
		}
	}
}
