// Package vendortest is the suite that every vendor's adapter passes, in this
// repository and elsewhere. It runs the adapter against a simulator of the
// vendor, strikes each request with every fault that a network or a vendor can
// produce, and holds the adapter to the contracts of package vendors and to its
// own declared capabilities, both ways: what is declared works, and what is not
// declared answers [errors.ErrUnsupported].
//
// An adapter's test calls it like this:
//
//	func TestAdapter(t *testing.T) {
//		t.Parallel()
//		vendortest.Run(t, func(t *testing.T) vendortest.Harness {
//			return vendortest.Harness{Adapter: newAdapter(t), Simulator: newSimulator(t), Secrets: []string{key}}
//		})
//	}
//
// examples/adapter in the repository is a whole adapter with its simulator and
// this test; docs/adapters.md is the way there, step by step.
//
// # What the suite needs
//
// A [Simulator]: the vendor's API as a handler, written from its documentation,
// and the truth about what it took. Where the vendor sends callbacks it is also
// [Callbacks], [Batches] where one may be about several pieces, and [AccountCallbacks]
// where some are about no piece of mail; where it lists what could not be delivered,
// [Undeliverables]. It keeps the windows that the vendor documents: that of a key, and
// that of a cancellation.
//
// What the adapter refuses of the suite's jobs as unsupported, a return address or a
// letter in color for example, is left out of them. Mail goes to the US, or to the first
// of the countries where the vendor does not mail there.
//
// # Beside the suite
//
// [Doer] and [Answers] stand in for the client in an adapter's own tests,
// [Sent.Dump] is for golden files, [Submissions] are the suite's jobs, and
// [CheckConfigError] is for constructors, and [Waiting] is a clock for an adapter
// that waits between two requests.
//
// Nothing here opens a socket or sleeps, unless [Doer] is given a transport:
// requests are handed to the simulator's handler, and time passes when the suite
// says so.
package vendortest
