package idempotency_test

import (
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

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
