package signature_test

import (
	"fmt"
	"testing"
)

// BenchmarkVerify is one callback of each scheme; internal/bench compares it
// with a bare HMAC and with other libraries.
func BenchmarkVerify(b *testing.B) {
	for _, s := range schemes() {
		for _, size := range []int{1 << 10, 16 << 10} {
			b.Run(fmt.Sprintf("%s/%dKiB", s.name, size>>10), func(b *testing.B) {
				v := s.mustVerifier(b, 1)
				h, body := s.mustSign(b, large(size), signedAt(), 1)
				b.ReportAllocs()
				b.SetBytes(int64(size))
				for b.Loop() {
					if err := v.Verify(h, body, signedAt()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkVerifyParallel shares one verifier among all processors.
func BenchmarkVerifyParallel(b *testing.B) {
	s := schemes()[0]
	v := s.mustVerifier(b, 1, 2)
	h, body := s.mustSign(b, large(1<<10), signedAt(), 1)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := v.Verify(h, body, signedAt()); err != nil {
				b.Error(err)
			}
		}
	})
}
