package signature

import "net/http"

// maxSignatures is how many signatures a header may hold. A sender that
// rotates its secret sends two or three; each costs a comparison a secret, or
// the verification of an elliptic curve.
const maxSignatures = 16

// list is the signatures of a header, on the stack.
type list struct {
	n      int
	values [maxSignatures]string
}

func (l *list) add(s string) bool {
	if l.n == maxSignatures {
		return false
	}
	l.values[l.n] = s
	l.n++
	return true
}

func (l *list) all() []string { return l.values[:l.n] }

// single returns the value of a header that must stand there once: of two, we
// and whoever reads the callback after us might take different ones.
func single(header http.Header, name string) (string, error) {
	switch values := header[name]; {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", refuse(ErrMalformed, "header %s is missing", name)
	case len(values) > 1:
		return "", refuse(ErrMalformed, "header %s stands there %d times", name, len(values))
	default:
		return values[0], nil
	}
}

// canonical checks the name of a header that the caller chose.
func canonical(field, name string) (string, error) {
	if name == "" {
		return "", invalid("%s: missing: name the header that holds it", field)
	}
	return http.CanonicalHeaderKey(name), nil
}
