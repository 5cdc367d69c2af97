package postproof_test

import (
	"testing"

	"github.com/postproof/postproof"
)

// stowedJob is a job as the ledger keeps it: its markup is in the blob store.
func stowedJob() postproof.Job {
	job := validJob()
	blob := postproof.Blob{Digest: digest, Size: 1234}
	job.Piece = job.Piece.WithArt(postproof.HTML{FrontBlob: blob, BackBlob: blob})
	return job
}

func BenchmarkMarshal(b *testing.B) {
	job := stowedJob()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := job.MarshalJSON(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	data, err := stowedJob().MarshalJSON()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var job postproof.Job
		if err := job.UnmarshalJSON(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	job := validJob()
	b.ReportAllocs()
	for b.Loop() {
		if err := job.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}
