package lob_test

import (
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/adaptertest"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
)

const (
	testKey = "test_0123456789abcdef"
	ref     = adaptertest.Ref
)

func newAdapter(t *testing.T, opts ...lob.Option) *lob.Adapter {
	t.Helper()
	a, err := lob.New(testKey, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func job() postproof.Job { return adaptertest.Job() }

func submission(j postproof.Job) *vendors.Submission {
	return adaptertest.Submission(j, map[byte]string{'a': "%PDF-1.7 front", 'b': "\x89PNG\r\n\x1a\nimage", 'c': "\xff\xd8\xff\xe0jpeg", 'd': "GIF89a"})
}
