package client

import (
	"context"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// Remail is a second piece on purpose.
type Remail struct {
	// Name tells the second piece from a third: the same name again sends nothing
	// and returns the first one. At most 64 characters of [A-Za-z0-9._-]. Required.
	Name string
	// By is who wants it and Why the reason; both are recorded, and required.
	By, Why string
	// Suppress lists whom not to mail. It is asked only if it is given: who asks
	// for a second piece has looked at the first.
	Suppress []snapshot.Suppression
}

// Remail sends the content of a job once more, on purpose: a job of its own,
// whose key comes from the first one's and the name, so that it can never become
// a third piece by mistake. Who wanted it and why is recorded in the change log,
// with both ids, in the same commit.
//
// The first one must be at rest or with a vendor: what still waits to be sent or
// settled is [postproof.CodeConflict]. So is one that was pruned or erased: the
// ledger has its content no more; hand in a job with a new key.
func (c *Client) Remail(ctx context.Context, key postproof.Key, r Remail) (*idempotency.Record, error) {
	return nil, errTodo
}
