package idempotency_test

import (
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

//nolint:paralleltest // AllocsPerRun counts the allocations of other tests, too
func TestDerivedNamesAllocations(t *testing.T) {
	ns, job := idempotency.NewNamespace(), exampleJob()
	for name, derive := range map[string]func(){
		"fingerprint": func() { idempotency.FingerprintOf(job) },
		"reference":   func() { ns.Ref(postproof.ModeLive, "spring/1234/card", 1) },
		"vendor key":  func() { ns.VendorKey(postproof.ModeLive, "lob", "0123456789abcdef", "spring/1234/card", 1) },
	} {
		if got := testing.AllocsPerRun(100, derive); got > 1 {
			t.Errorf("%s: %v allocations, want the string only", name, got)
		}
	}
}

func BenchmarkFingerprint(b *testing.B) {
	job := exampleJob()
	b.ReportAllocs()
	for b.Loop() {
		idempotency.FingerprintOf(job)
	}
}

func BenchmarkRef(b *testing.B) {
	ns := idempotency.Namespace("00112233445566778899aabbccddeeff")
	b.ReportAllocs()
	for b.Loop() {
		ns.Ref(postproof.ModeLive, "spring/1234/card", 1)
	}
}

func BenchmarkVendorKey(b *testing.B) {
	ns := idempotency.Namespace("00112233445566778899aabbccddeeff")
	b.ReportAllocs()
	for b.Loop() {
		ns.VendorKey(postproof.ModeLive, "lob", "0123456789abcdef", "spring/1234/card", 1)
	}
}
