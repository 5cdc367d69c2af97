// Package vendortest is the suite that every vendor's adapter passes. It runs
// the adapter against a simulator of the vendor, strikes each request with
// every fault that a network or a vendor can produce, and holds the adapter to
// the contracts of package vendors and to its own declared capabilities, both
// ways: what is declared works, and what is not declared answers
// [errors.ErrUnsupported].
//
// An adapter's test calls it like this:
//
//	func TestAdapter(t *testing.T) {
//		t.Parallel()
//		vendortest.Run(t, func(t *testing.T) vendortest.Harness {
//			return vendortest.Harness{Adapter: newAdapter(t), Simulator: newSimulator(t)}
//		})
//	}
//
// Nothing here opens a socket or sleeps: requests are handed to the
// simulator's handler, and time passes when the suite says so.
package vendortest
