package client

import (
	"slices"

	"github.com/postproof/postproof/idempotency"
)

// redact takes out what the answer says of a person, and reports whether it can say
// anything. It changes nothing in place that others may have.
func (e *spooled) redact() bool {
	if e.Answer.Order == nil {
		return false
	}
	order := *e.Answer.Order
	order.Receipt.TrackingID, order.Receipt.ProofURL, order.Status.Raw, order.Status.Reason = "", "", "", ""
	e.Answer.Order = &order
	return true
}

// redact takes out of the answers about some records what they say of a person,
// in memory and in the files, and returns how many there were. What settles a
// submission stays.
func (s *spool) redact(about func(idempotency.ID) bool) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range [][]spooled{s.waiting, s.parked} {
		for i := range list {
			e := &list[i]
			if about(e.ID) && e.redact() {
				n++
			}
		}
	}
	if n == 0 || s.dir == "" {
		return n, nil
	}
	return n, s.rewrite(slices.Concat(s.waiting, s.parked))
}
