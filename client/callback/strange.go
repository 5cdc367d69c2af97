package callback

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// strangeFor is how long after its receipt an event of an account that this process does
// not know is left to another one, as while a new endpoint is rolled out: the process
// that took it in knows it. After that it is a failure, and told.
const strangeFor = 10 * time.Minute

// leave gives an event back for a process that knows its account. What it is due at must
// not fall into step with our own looks, or we would be the first again each time.
func (r *Receiver) leave(ctx context.Context, j *job) {
	r.left.Store(r.in.Clock.Now().UnixNano())
	wait := 3*time.Second + rand.N(4*time.Second)                                                        //nolint:gosec // it spreads looks, and keeps no secret
	_ = r.settle(ctx, j, idempotency.Mark{State: idempotency.MessageWaiting, Due: r.in.Now().Add(wait)}) // it logs
}
