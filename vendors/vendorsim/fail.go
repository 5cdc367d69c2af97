package vendorsim

import "fmt"

// Fail has the vendor find out now that it will not print the orders with the
// reference, and tell the reason: what [SendLateFailure] does by chance. It
// survives a restart. An order that was canceled or has failed stays as it is;
// the error says when the vendor has none at all.
func (s *Sim) Fail(vendor, ref, reason string) error {
	in := s.vendors[vendor]
	if in == nil {
		return fmt.Errorf("vendorsim: no vendor %q here", vendor)
	}
	position, err := in.fail(ref, reason)
	if err != nil {
		return err
	}
	return s.journal.wait(position)
}

func (in *instance) fail(ref, reason string) (position uint64, err error) {
	s := in.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	now, found := s.advance(), false
	for _, o := range in.orders {
		if o.Ref != ref {
			continue
		}
		found = true
		if o.void != nil {
			continue
		}
		if position, err = s.put(&record{At: now, Vendor: in.name, Void: &void{ID: o.ID, Reason: reason}}); err != nil {
			return 0, err
		}
	}
	if !found {
		return 0, fmt.Errorf("vendorsim: %s has no order with the reference %q", in.name, ref)
	}
	return position, nil
}
