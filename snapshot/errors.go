package snapshot

import (
	"errors"
	"fmt"

	"github.com/postproof/postproof"
)

var (
	// ErrNotFound says that the store has no snapshot of this id.
	ErrNotFound = errors.New("snapshot not found")
	// ErrCorrupt says that a file of a snapshot is not what was frozen; the
	// error names the file.
	ErrCorrupt = errors.New("snapshot is corrupt")
)

const (
	opTake     = "snapshot.take"
	opOpen     = "snapshot.open"
	opRead     = "snapshot.read"
	opExport   = "snapshot.export"
	opSuppress = "snapshot.suppress"
	opErase    = "snapshot.erase"
)

// invalid is an error about the list or an option.
func invalid(path, format string, args ...any) error {
	cause := postproof.FieldError{Path: path, Reason: fmt.Sprintf(format, args...)}
	return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Op: opTake, Err: cause}
}

func corrupt(op, file, format string, args ...any) error {
	cause := fmt.Errorf("%w: %s %s", ErrCorrupt, file, fmt.Sprintf(format, args...))
	return &postproof.Error{Code: postproof.CodeInternal, Delivery: postproof.NotSent, Op: op, Err: cause}
}

// wrap classes an error of the store or the source; one that has a class, and
// an end of the context, keep theirs.
func wrap(op string, err error) error {
	if _, ok := errors.AsType[*postproof.Error](err); ok {
		return err
	}
	code := postproof.CodeOf(err)
	switch {
	case errors.Is(err, ErrNotFound):
		code = postproof.CodeNotFound
	case errors.Is(err, ErrCorrupt):
		code = postproof.CodeInternal
	case code == postproof.CodeUnknown:
		code = postproof.CodeUnavailable
	}
	return &postproof.Error{Code: code, Delivery: postproof.NotSent, Op: op, Err: err}
}
