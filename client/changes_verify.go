package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
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
	v := verification{known: known}
	for set, err := range c.store.Settings(ctx, changePrefix) {
		if err != nil {
			return v.at, c.storeError("change log", err)
		}
		if set.Name == changeHead {
			continue
		}
		if err := v.next(set); err != nil {
			return v.at, err
		}
	}
	// What was added meanwhile is verified, too: the head is read last, and each
	// entry up to it must be there.
	head, _, err := c.changeHead(ctx)
	if err != nil {
		return v.at, err
	}
	for v.at.N < head.N {
		set, err := c.store.Setting(ctx, changeName(v.at.N+1))
		if err != nil {
			return v.at, c.storeError("change log", err)
		}
		if set.Version == 0 {
			return v.at, changeLogError(fmt.Errorf("entry %d is missing: the log was cut off before it", v.at.N+1))
		}
		if err := v.next(set); err != nil {
			return v.at, err
		}
	}
	switch {
	case v.at.N > head.N:
		return v.at, changeLogError(fmt.Errorf("entry %d stands behind the end of the log", head.N+1))
	case v.at.Digest != head.Digest:
		return v.at, changeLogError(fmt.Errorf("entry %d is not the one that was written last", head.N))
	}
	for _, k := range known {
		if k.N > v.at.N {
			return v.at, changeLogError(fmt.Errorf("entry %d is missing: the log had come to %d", v.at.N+1, k.N))
		}
	}
	return v.at, nil
}

// verification is how far the log was found to be whole.
type verification struct {
	known []ChangeHead
	at    ChangeHead
}

// next verifies the entry that a setting keeps, as the next one.
func (v *verification) next(set idempotency.Setting) error {
	n := v.at.N + 1
	if set.Name != changeName(n) {
		return changeLogError(fmt.Errorf("entry %d is missing: %q stands in its place", n, set.Name))
	}
	e, err := readChange(set, n)
	if err != nil {
		return err
	}
	if e.Prev != v.at.Digest {
		return changeLogError(fmt.Errorf("entry %d does not follow the one before it", n))
	}
	v.at = ChangeHead{N: n, Digest: e.Digest}
	for _, k := range v.known {
		if k.N == n && k.Digest != e.Digest {
			return changeLogError(fmt.Errorf("entry %d is another one than was known: the log was written anew", n))
		}
	}
	return nil
}

// readChange reads an entry and checks that not one byte of it was changed.
func readChange(set idempotency.Setting, n uint64) (e ChangeEntry, err error) {
	if json.Unmarshal(set.Value, &e) != nil || e.N != n {
		return e, changeLogError(fmt.Errorf("entry %d is not what was written", n))
	}
	// The digest is of the text, not of what is read from it: a newer version's
	// entry may say more.
	end := []byte(`,"digest":"` + e.Digest + `"}`)
	bare, ok := bytes.CutSuffix(set.Value, end)
	if !ok {
		return e, changeLogError(fmt.Errorf("entry %d has no digest where it was written", n))
	}
	if digestOf(append(bytes.Clone(bare), '}')) != e.Digest {
		return e, changeLogError(fmt.Errorf("entry %d was changed", n))
	}
	return e, nil
}

func changeLogError(err error) error {
	return notSent(postproof.CodeInternal, "change log", fmt.Errorf("%w: %w", ErrChangeLog, err))
}
