package idempotency_test

// claimsSkewed lets a worker claim the job whose clock is not right. The store
// goes by the worker's clock, so that one that is ahead finds leases at their end
// too early, and one that is behind writes times that have been.
func (x *explorer) claimsSkewed(w *world, i int, emit func(move, world)) {
	claims := func(do string, next world, skew int16) {
		next.skew = skew
		if next.claimFor(i) {
			next.workers[i].skew = skew
			emit(move{do: owner(i) + ", whose clock is " + do + ", claims the job"}, next)
		}
	}
	if next := *w; w.left.slow > 0 {
		next.left.slow--
		claims("behind", next, -skewBy)
	}
	if next := *w; w.left.fast > 0 {
		next.left.fast--
		claims("ahead", next, skewBy)
	}
}
