package vendors_test

import (
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

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
