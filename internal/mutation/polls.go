package main

// polls breaks what decides when a vendor is asked for the status of a piece.
func polls() []Mutation {
	const (
		poll      = "idempotency/machine_poll.go"
		reconcile = "idempotency/machine_reconcile.go"
		next      = "idempotency/next.go"
		ask       = "idempotency/machine_ask.go"
		queue     = "client/polls.go"
	)
	cl := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: name, File: file, Old: old, New: replacement, Package: "./client", Run: run}
	}
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: name, File: file, Old: old, New: replacement, Package: "./idempotency", Run: run}
	}
	return []Mutation{
		m("polls: no patience with callbacks", poll,
			`if until, ok := t.m.Expects(t.r); ok && at.Before(until) {`, `if until, ok := t.m.Expects(t.r); ok && until.IsZero() {`, "TestPollBegins"),
		m("polls: patience with a vendor that never calls", poll,
			`if r.State != Accepted || r.Status.Stage.Terminal() || !calls(c) {`, `if r.State != Accepted || r.Status.Stage.Terminal() || c == nil {`, "TestPollBegins|TestExpects"),
		m("polls: news is expected after the end", poll,
			`if r.State != Accepted || r.Status.Stage.Terminal() || !calls(c) {`, `if r.State != Accepted || !calls(c) {`, "TestExpects"),
		m("polls: patience counts from our time alone", poll,
			`!at.IsZero() && at.Before(since) {`, `at.IsZero() {`, "TestPollCounts"),
		m("polls: patience counts from a time to come", poll,
			`!at.IsZero() && at.Before(since) {`, `!at.IsZero() {`, "TestPollCounts"),
		m("polls: a late event is a poll", poll,
			"at := t.now.Add(t.pace())\n\tif until, ok := t.m.Expects(t.r); ok && at.Before(until) {\n\t\tt.r.Tries = 0", "at := t.now.Add(t.pace())\n\tif until, ok := t.m.Expects(t.r); ok {\n\t\tt.r.Tries = 0", "TestPollBegins|TestPollCounts"),
		m("polls: the pace does not slow down", poll,
			"\t} else {\n\t\tt.r.Tries++\n\t}\n\tt.r.PollAt = at", "\t}\n\tt.r.PollAt = at", "TestPollBegins"),
		m("polls: the pace slows down without bound", poll,
			`every = min(2*every, longest)`, `every = 2 * every`, "TestPollBegins"),
		m("polls: the only line is as slow as the second", poll,
			`every = min(every+every/2, longest)`, `every = min(2*every, longest)`, "TestPollBegins|TestPollPace"),
		m("polls: a slow vendor is polled at our pace", poll,
			`longest = max(longest, every)`, `longest = max(longest, 0)`, "TestPollPace"),
		m("polls: news leaves the pace as slow as it was", reconcile,
			"\t\tt.r.Tries = 0\n\t\te := t.note(\"status\"", "\t\te := t.note(\"status\"", "TestPollPatience"),
		m("polls: a poll that failed waits for the silence", reconcile,
			`t.pollAgain(ev.RetryAfter)`, `t.pollLater()`, "TestPollFailed"),
		m("polls: the vendor's wait is not kept", poll,
			`max(t.pace(), after, t.m.backoff`, `max(t.pace(), t.m.backoff`, "TestPollFailed"),
		m("polls: after the end", poll,
			"\t\tt.r.PollAt = time.Time{}\n", "", "TestPollEnds|TestRefresh"),
		m("polls: an end that somebody asks about is not read", next,
			`case (!r.Status.Stage.Terminal() || !r.PollAt.IsZero()) && !now`, `case !r.Status.Stage.Terminal() && !now`, "TestRefresh"),
		m("polls: a question brings a send about", ask,
			`case r.State == Unknown && t.resends():`, `case false:`, "TestRefresh|TestAWishAndAHint"),
		m("polls: a question takes the lease away", ask,
			"\tr.Due = earlier(r.Due, t.now)\n", "\tr.Due, r.Lease = earlier(r.Due, t.now), Lease{}\n", "TestRefresh"),
		m("polls: a question puts off what was due", ask,
			"\tr.Due = earlier(r.Due, t.now)\n", "\tr.Due = t.now\n", "TestRefresh"),
		m("polls: a question changes nothing", ask,
			"\t\tr.PollAt = t.now\n", "", "TestRefresh|TestAWishAndAHint"),
		m("polls: a hint opens what has ended", ask,
			`t.holds(s) && !t.r.Status.Stage.Terminal())`, `t.holds(s))`, "TestAWishAndAHint"),
		m("risk: for each answer that gets lost", next,
			`if r.decidedDead() {`, `if false {`, "TestNextActions"),
		m("risk: of a job that is to be canceled", next,
			`len(live) > 0 && !r.Cancel.Stands():`, `len(live) > 0:`, "TestNextActions"),
		cl("polls: a flood has no share", queue,
			`if q.running >= places ||`, `if q.running >= 1000 ||`, "TestFlood"),
		cl("polls: a flood is passed at a walk", queue,
			`p.crowd = min(2*max(limit, p.crowd), crowdedClaim)`, `p.crowd = 0`, "TestFlood"),
		cl("polls: the youngest goes first", queue,
			`return t.next.After(now) && due.After(t.due)`, `return false`, "TestFlood"),
		cl("polls: a turn in vain is lost", queue,
			"\t\tt = &q.again\n", "\t\t_ = &q.again\n", "TestFlood"),
		cl("polls: a drain leaves what it put off", "client/worker.go",
			` && p.idle() && !p.pollsWait() {`, ` && p.idle() {`, "TestDrainMakes"),
		cl("polls: a drain waits for a vendor that cannot be asked", queue,
			"\t\tif crowded {\n", "\t\tif crowded || true {\n", "TestDrainMakes"),
		cl("polls: half of the slots are idle", queue,
			`if p.alone {`, `if p.alone && false {`, "TestDrainMakes"),
		cl("polls: our own limit counts as a poll in vain", "client/poll.go",
			`case notAsked(err):`, `case notAsked(err) && ctx.Err() != nil:`, "TestPollsWait"),
		cl("polls: a vendor that cannot be asked is asked", queue,
			`if !at.After(now) && one.v`, `if (!at.After(now) || true) && one.v`, "TestPollsWait|TestDrainMakes"),
		cl("decisions: about what was not seen", "client/changes_jobs.go",
			`c.unchanged(ctx, op, was, seen)`, `c.unchanged(ctx, op, was, 0*seen)`, "TestADecision"),
		cl("decisions: a lease is a change", "client/unchanged.go",
			`if len(changed.Since) == 0 && !rec.Tombstone {`, `if false {`, "TestADecision"),
		cl("refresh: no worker is woken", "client/refresh.go",
			"\tif err == nil {\n\t\tc.wakeUp()\n\t}\n", "", "TestRefreshWakes"),
		cl("silence: what is expected counts as overdue", "client/refresh.go",
			`if now.Before(until) {`, `if now.IsZero() {`, "TestSilentPieces"),
		cl("polls: who was put off by another waits for himself", "client/polls.go", "if q.first.due.Before(q.again.due) {", "if false {", "TestPollsPutOffByAnother"),
		cl("imports: those of a lost history count", "client/undeliverable.go", "idempotency.Change{Epoch: epoch, Settings:", "idempotency.Change{Settings:", "TestImportAcross"),
		cl("imports: every process imports", "client/undeliverable.go",
			`if !c.markImport(ctx, epoch, name, state, mark.Version) {`, `if !c.markImport(ctx, epoch, name, state, mark.Version) && false {`, "TestImportsAre"),
		cl("imports: what was added to a day that is over is missed", "client/undeliverable.go",
			`since = state.Done.Add(-importOverlap)`, `since = state.Done`, "TestImportsAre"),
		cl("imports: a list that was not read is over", "client/undeliverable.go",
			"\tstate.Tried = now\n", "\tstate.Tried, state.Done = now, now\n", "TestImportsAre"),
		cl("imports: a death is told with every list", "client/undeliverable.go",
			`if s.Fate != "" { //`, `if s.Fate == "never" { //`, "TestUndeliverableIs|TestImportUn"),
	}
}
