package snapshot_test

import (
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/snapshot"
)

// A nil option is a mistake of the program: it is told when the list is read, and
// stops no program.
func TestCSVWithANilOption(t *testing.T) {
	t.Parallel()
	src := snapshot.CSV(strings.NewReader("name\nAnn\n"), snapshot.Mapping{}, snapshot.WithSeparator(','), nil)
	n := 0
	for _, err := range src.Rows(t.Context()) {
		n++
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), "option 1 is nil") {
			t.Errorf("err = %v, want the place of the nil option", err)
		}
	}
	if n != 1 {
		t.Errorf("%d pairs, want the error alone", n)
	}
}
