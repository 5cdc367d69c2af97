package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// notSent is an error of a call that has sent nothing.
func notSent(code postproof.Code, op string, err error) error {
	return &postproof.Error{Code: code, Delivery: postproof.NotSent, Op: op, Err: err}
}

// invalid is notSent for what the caller has to put right.
func invalid(op string, err error) error { return notSent(postproof.CodeInvalidArgument, op, err) }

// storeError wraps an error of the ledger: what it says about paper is what the
// ledger last knew, which the caller cannot see, so it says nothing.
func (c *Client) storeError(op string, err error) error {
	delivery := postproof.Unknown
	if errors.Is(err, idempotency.ErrNotFound) || errors.Is(err, idempotency.ErrLimit) {
		delivery = postproof.NotSent
	}
	return &postproof.Error{Code: codeOfStore(err), Delivery: delivery, Op: op, Err: fmt.Errorf("ledger: %w", err)}
}

func codeOfStore(err error) postproof.Code {
	switch {
	case idempotency.AsDamaged(err) != nil: // no waiting mends it
		return postproof.CodeInternal
	case errors.Is(err, idempotency.ErrNotFound):
		return postproof.CodeNotFound
	case errors.Is(err, idempotency.ErrStale), errors.Is(err, idempotency.ErrInProgress):
		return postproof.CodeConflict
	case errors.Is(err, idempotency.ErrLimit):
		return postproof.CodeRateLimited
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return postproof.CodeOf(err)
	default:
		return postproof.CodeUnavailable
	}
}

// jobError is storeError for a job that was asked for by its key.
func (c *Client) jobError(op string, err error) error {
	if errors.Is(err, idempotency.ErrNotFound) {
		err = fmt.Errorf("no job has this key: it was never handed in, or under another key (they are compared byte by byte), "+
			"or in another ledger (this one is %s): %w", c.id().Mode, err)
	}
	return c.storeError(op, err)
}

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

// said is what an error says without its code and delivery, which whoever wraps it
// says.
func said(err error) error {
	if e, ok := errors.AsType[*postproof.Error](err); ok && e.Err != nil {
		return e.Err
	}
	return err
}

// because adds a cause, if there is one.
func because(err, cause error) error {
	if cause == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// several are errors that say one thing together, on one line: a log has a line for
// each error.
type several []error

func (s several) Error() string {
	texts := make([]string, len(s))
	for i, err := range s {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (s several) Unwrap() []error { return s }
