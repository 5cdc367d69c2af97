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

//nolint:paralleltest // AllocsPerRun counts the allocations of other tests, too
func TestJobAllocations(t *testing.T) {
	job := stowedJob()
	if got := testing.AllocsPerRun(100, func() { _, _ = job.MarshalJSON() }); got > 1 {
		t.Errorf("writing a job: %v allocations, want the text only", got)
	}
	text, err := job.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if got := testing.AllocsPerRun(100, func() { _ = new(postproof.Job).UnmarshalJSON(text) }); got > 7 {
		t.Errorf("reading a job: %v allocations, want the text, the piece and its artwork", got)
	}
	if got := testing.AllocsPerRun(100, func() { _ = job.Validate() }); got > 0 {
		t.Errorf("checking a job: %v allocations, want none", got)
	}
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
