package client

import (
	"errors"
	"fmt"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Errors about a name or a key that is not known: they say what there is, or where
// to look.

// noVendor is the error for a vendor that the client does not have.
func (c *Client) noVendor(op, name string) error {
	return &postproof.Error{Code: postproof.CodeNotFound, Delivery: postproof.NotSent, Op: op, Vendor: name, Err: errors.New(c.noAdapter(name))}
}

// noAdapter says that there is no such vendor, and which there are.
func (c *Client) noAdapter(name string) string {
	var names []string
	for _, v := range c.vendors {
		names = append(names, v.name)
	}
	text := "no adapter has this name"
	if name == "" {
		text = "the vendor has no name"
	}
	if len(names) == 0 {
		return text + ": the client was made without vendors"
	}
	return text + ": the client has " + strings.Join(names, ", ")
}

// jobError is storeError for a job that was asked for by its key.
func (c *Client) jobError(op string, err error) error {
	if errors.Is(err, idempotency.ErrNotFound) {
		err = fmt.Errorf("no job has this key: it was never handed in, or under another key (they are compared byte by byte), "+
			"or in another ledger (this one is %s): %w", c.id().Mode, err)
	}
	return c.storeError(op, err)
}
