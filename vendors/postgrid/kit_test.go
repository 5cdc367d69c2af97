package postgrid_test

import (
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/adaptertest"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/postgrid"
)

const (
	testKey = "test_sk_0123456789abcdef"
	ref     = adaptertest.Ref
)

func newAdapter(t *testing.T, opts ...postgrid.Option) *postgrid.Adapter {
	t.Helper()
	a, err := postgrid.New(testKey, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func job() postproof.Job { return adaptertest.Job() }

func submission(j postproof.Job) *vendors.Submission {
	return adaptertest.Submission(j, map[byte]string{'a': "%PDF-1.7 front", 'b': "<b>from a blob</b>"})
}
