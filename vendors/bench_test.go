package vendors_test

import (
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

//nolint:paralleltest // AllocsPerRun counts the allocations of other tests, too
func TestDigestAllocations(t *testing.T) {
	job, document := postcard(), []byte("{}")
	job.Piece = job.Piece.WithArt(postproof.HTML{Front: strings.Repeat("<p>front</p>", 1000)})
	if got := testing.AllocsPerRun(100, func() { vendors.ContentDigest("lob", &job) }); got > 1 {
		t.Errorf("a content digest: %v allocations, want the string only", got)
	}
	if got := testing.AllocsPerRun(100, func() { vendors.JSONBody("lob/1", document) }); got > 2 {
		t.Errorf("a body: %v allocations, want itself and its digest", got)
	}
}

func BenchmarkContentDigest(b *testing.B) {
	job := postcard()
	job.Piece = job.Piece.WithArt(postproof.HTML{Front: strings.Repeat("<p>front</p>", 30), Back: strings.Repeat("<p>back</p>", 16)})
	b.ReportAllocs()
	for b.Loop() {
		vendors.ContentDigest("lob", &job)
	}
}

func BenchmarkJSONBody(b *testing.B) {
	document := []byte(strings.Repeat(`{"front":"<p>front</p>"}`, 42))
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		vendors.JSONBody("lob/1", document)
	}
}
