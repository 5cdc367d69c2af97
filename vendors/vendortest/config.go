package vendortest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postproof/postproof"
)

// CheckConfigError holds the error of an adapter's constructor to what is asked
// of it: [postproof.CodeInvalidArgument] and NotSent, a text that contains
// teaches (what is wrong, and what to do), and none of the secrets or of the
// parts of them given. The name says which configuration it is about.
func CheckConfigError(tb testing.TB, name string, err error, teaches string, secrets ...string) {
	tb.Helper()
	if problem := configProblem(err, teaches, secrets); problem != "" {
		tb.Errorf("%s: %s", name, problem)
	}
}

// configProblem never quotes a text that holds a secret.
func configProblem(err error, teaches string, secrets []string) string {
	if err == nil {
		return "accepted"
	}
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	for _, s := range secrets {
		if s != "" && strings.Contains(text, s) {
			return "the error quotes a credential"
		}
	}
	switch {
	case postproof.CodeOf(err) != postproof.CodeInvalidArgument || postproof.DeliveryOf(err) != postproof.NotSent:
		return fmt.Sprintf("%v, want %v (%v)", err, postproof.CodeInvalidArgument, postproof.NotSent)
	case !strings.Contains(err.Error(), teaches):
		return fmt.Sprintf("%q does not say %q", err, teaches)
	}
	return ""
}
