package vendors

import (
	"errors"
	"fmt"

	"github.com/postproof/postproof"
)

// NotOrdered returns the error of a request that went before a submission and
// ordered nothing by itself ([postproof.OpPrepare]), with what it means for the
// submission: a refusal is the vendor's no to the job and stays one, and anything
// else, a lost answer included, is NotSent. Of an upload that may have arrived no
// paper comes. Submit returns it, and sends nothing more. It is nil for nil.
func NotOrdered(err error) error {
	if d := postproof.DeliveryOf(err); d <= postproof.Refused { // or no error at all
		return err
	}
	e := &postproof.Error{
		Code: postproof.CodeOf(err), Delivery: postproof.NotSent, Op: string(postproof.OpSubmit),
		RetryAfter: postproof.RetryAfterOf(err), Err: fmt.Errorf("before the order: %w", err),
	}
	if cause, ok := errors.AsType[*postproof.Error](err); ok {
		e.Vendor = cause.Vendor
	}
	return e
}
