package vendortest

import (
	"errors"
	"strings"
	"testing"

	"github.com/postproof/postproof"
)

func TestConfigProblem(t *testing.T) {
	t.Parallel()
	wrong := func(code postproof.Code, d postproof.Delivery, text string) error {
		return postproof.NewError(code, d, errors.New(text))
	}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"good":           {wrong(postproof.CodeInvalidArgument, postproof.NotSent, "use the secret key"), ""},
		"no error":       {nil, "accepted"},
		"plain":          {errors.New("use the secret key"), "want invalid_argument (not_sent)"},
		"another code":   {wrong(postproof.CodeInternal, postproof.NotSent, "use the secret key"), "want invalid_argument"},
		"in doubt":       {wrong(postproof.CodeInvalidArgument, postproof.Unknown, "use the secret key"), "(not_sent)"},
		"teaches little": {wrong(postproof.CodeInvalidArgument, postproof.NotSent, "malformed"), "does not say"},
		"quotes the key": {wrong(postproof.CodeInvalidArgument, postproof.NotSent, "use the secret key, not hush-hush"), "quotes a credential"},
	} {
		got := configProblem(test.err, "use the secret key", []string{"", "hush-hush"})
		if (test.want == "") != (got == "") || !strings.Contains(got, test.want) || strings.Contains(got, "hush-hush") {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
