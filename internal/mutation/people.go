package main

// people breaks what people's words depend on: pauses, the change log, and that a
// decision can be taken back only while nothing has come of it.
func people() []Mutation {
	const (
		working = "client/paused_work.go"
		send    = "client/send.go"
		pauses  = "client/pauses.go"
		verify  = "client/changes_verify.go"
		undo    = "client/undo.go"
		log     = "client/changes.go"
	)
	cl := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: name, File: file, Old: old, New: replacement, Package: "./client", Run: run}
	}
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: name, File: file, Old: old, New: replacement, Package: "./idempotency", Run: run}
	}
	op := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: name, File: file, Old: old, New: replacement, Package: "./client/operator", Run: run}
	}
	return []Mutation{
		op("callbacks: they are replayed without a yes", "client/operator/callbacks.go", `err := r.confirm(in); err != nil {`, `err := error(nil); err != nil {`, "TestCallbacksReplay"),
		op("callbacks: a list reads payloads", "client/operator/callbacks.go", `	q.Bare = true
`, ``, "TestStatusDoesNotRead"),
		op("callbacks: all are replayed, not those that were meant", "client/operator/callbacks.go", `inbox.Replay(ctx, q)`, `inbox.Replay(ctx, callback.Query{})`, "TestCallbacksReplay"),
		op("callbacks: a number that is not there is passed over", "client/operator/callbacks.go", `case len(q.IDs) > groups.number:`, `case false:`, "TestCallbacksReplayAsks"),
		op("status: nobody is missed while nothing waits to be sent", "client/operator/status.go",
			`case idempotency.Planned, idempotency.Sending, idempotency.Unknown:`, `case idempotency.Planned:`, "TestNobodySettles"),
		op("status: callbacks that nobody applies are nobody's business", "client/operator/status_print.go",
			`u.n > 0 && !u.busy`, `u.n < 0`, "TestStatusTellsOfCallbacks"),
		op("status: who is at a callback is nobody", "client/operator/callbacks.go",
			"\t\tu.busy = true\n", "", "TestStatusTellsOfCallbacks"),
		op("track: the mail of anybody", "client/operator/track.go",
			`!slices.Contains(forms, rec.Contact)`, `len(forms) == 0`, "TestTrackFinds"),
		op("lists: who did it, and why, is cut", "client/operator/printer.go",
			`if t.columns[last].elastic {`, `if false {`, "TestRemarksAre"),
		op("changes: those of all jobs", "client/operator/changes.go",
			`Name: string(rec.ID)}`, `Name: string(rec.ID[:0])}`, "TestChangesOfOneJob"),
		cl("worker: a closed client goes on", "client/pool.go",
			`c.knowsVendors("work"); err != nil {`, `c.knowsVendors("work"); err != nil && false {`, "TestRunEndsWithItsClient"),
		cl("jobs: a drop that fits nobody is rejected by each", "client/snapshot.go",
			`err = d.validate()`, `_ = d.validate()`, "TestDropThatFits"),
		cl("vendor: what is configured first is forgotten", "client/options.go",
			`c.over(s.vendors[name])`, `c`, "TestVendorIsConfigured"),
		cl("track: what a job was refused for before is told", "client/track.go", `switch rec.State {`, `t.Refusal = rec.Refusal; switch rec.State {`, "TestTracked"),
		cl("accounts: who has no name is told of on a test ledger, too", "client/account.go", ` && v.account.Mode == postproof.ModeLive`, ``, "TestLiveAccountWithout"),
		cl("refused: a worker tells nobody", "client/worker.go",
			`if w.rec.State == idempotency.Refused && rec.State != idempotency.Refused {`, `if false {`, "TestWhatNoVendorTakesIsTold"),
		cl("reasons: one is not in the history", "client/jobs.go",
			`idempotency.Release{By: who.By, Why: who.Why}`, `idempotency.Release{By: who.By}`, "TestReasonsAre"),
		cl("actor: white space is a name", "client/actor.go", `strings.TrimSpace(a.By)`, `a.By`, "TestWhoAndWhy"),
		cl("reasons: those of an erased person are kept", "client/changes_jobs.go",
			`e.Why = "" // as`, `_ = e.Why // as`, "TestReasonsOf"),
		cl("spool: what was given up comes back", "client/spool_apply.go",
			`c.spooled.Drop(gone)`, `c.spooled.Placed(gone)`, "TestParkedAnswer"),
		cl("control: a piece is sent that its vendor cannot make", "client/recover_control.go",
			`caps.Supports(&job); err != nil {`, `caps.Supports(&job); err != nil && false {`, "TestControlPieceIsMade"),
		cl("lists: the ledger's error is passed on as it is", "client/jobs.go",
			`yield(v, c.storeError(op, err))`, `yield(v, err)`, "TestListsTell"),
		op("replay: the last hours are others each time", "client/operator/replay_since.go",
			`q.Since, q.Until = p.Since, p.Until`, `_ = q`, "TestReplayOfTheLastHours"),
		op("replay: any hours are those of the run", "client/operator/replay_since.go",
			`asked < 0 || asked > longestAsk || `, `asked == 0 || `, "TestReplayOfTheLastHours"),
		op("control: nobody is asked", "client/operator/control.go",
			`r.confirm(in); err != nil {`, `r.confirm(in); err != nil && false {`, "TestNothingHappens"),
		op("control: the piece is a job like any other", "client/operator/control.go",
			`c.SendControl(ctx, vendor, job, r.actor(why))`, `c.Submit(ctx, job)`, "TestRecoveryIsFinished"),
		cl("control: the piece is in nobody's hands", "client/recover_control.go",
			`rec.Lease = idempotency.Lease{Owner: c.owner, Until: rec.CreatedAt.Add(c.lease)}`, `rec.Lease = idempotency.Lease{}`, "TestControlPieceIsLogged"),
		cl("control: undone", "client/undo.go",
			"\tcase ActionControl:\n", "\tcase \"\":\n", "TestControlPieceIsLogged"),
		cl("restore: news is told of what was read before", "client/intake.go",
			`if n.Epoch != id.Epoch {`, `if n.Epoch != id.Epoch && false {`, "TestARecordRead"),
		cl("restore: a wish is of what was read before", "client/jobs.go",
			`w := c.workIn(id, rec, nil)`, `w := c.workIn(c.id(), rec, nil)`, "TestARecordRead"),
		cl("restore: a known key is sent as it was before", "client/submit.go",
			`id, in := idempotency.IDOf(job.Key), c.id() // before the record
	rec, err := c.store.Get(ctx, id)`, `id := idempotency.IDOf(job.Key)
	rec, err := c.store.Get(ctx, id)
	in := c.id()`, "TestARecordRead"),
		cl("replay: ends with an outage", "client/replay_outage.go",
			`if err == nil || !passes(err) {`, `if err == nil || !passes(err) || true {`, "TestReplayOutlives"),
		cl("replay: goes on in another history", "client/replay_outage.go",
			`if run.c.id().Epoch != run.epoch {`, `if false {`, "TestReplayEndsInAn"),
		op("spool: a folder that was left needs nobody", "client/operator/spool_folders.go",
			`v.Needs = f.Err != nil || f.Answers+f.Damaged > 0`, `_ = f.Err`, "TestSpoolFolders"),
		op("spool: nobody is asked", "client/operator/spool.go",
			`r.confirm(in); err != nil {`, `r.confirm(in); err != nil && false {`, "TestSpoolIs"),
		op("reasons: the command keeps one to itself", "client/operator/decide.go",
			`c.Approve(ctx, args[0], r.actor(why))`, `c.Approve(ctx, args[0], r.actor(""))`, "TestReasonsFrom"),
		cl("pauses: an intent does not depend on them", working,
			"\tch.Reads = w.reads\n", "", "TestPauseStops"),
		cl("pauses: an intent does not depend on an approval", working,
			`if add.Name == name && add.Add > 0 && add.Limit == 0 {`, `if false && add.Name == name {`, "TestUndoAnApproval"),
		cl("pauses: a vendor's outcome is sent again", send,
			`if p := w.look().keeps(w.rec, v.name); p != nil {`, `if p := w.look().stops(w.rec); p != nil {`, "TestPauseStopsTheResend"),
		cl("pauses: a campaign's outcome is sent again", send,
			`if p := w.look().keeps(w.rec, v.name); p != nil {`, `if p := w.look().vendor(v.name); p != nil {`, "TestPauseStopsTheResend"),
		cl("pauses: an unknown outcome only waits", working,
			`if caps.Lookup.ByRef {`, `if false {`, "TestPauseStopsTheResend"),
		cl("pauses: the router does not look", "client/route.go",
			`if p := w.look().vendor(v.name); p != nil {`, `if p := w.look().vendor(v.name); false && p != nil {`, "TestPauseStops"),
		cl("pauses: a paused campaign is claimed", "client/pool.go",
			`Skip: append(paused.campaigns(), skip...)`, `Skip: skip`, "TestPausedJobsAreNotClaimed"),
		cl("pauses: a paused priority is claimed", "client/pool.go",
			`, Least: c.least(paused),`, `,`, "TestPausedJobsAreNotClaimed"),
		cl("pauses: jobs are claimed that no vendor may have", pauses,
			`if p.strange || c.allPaused(p) {`, `if p.strange {`, "TestPausedJobsAreNotClaimed"),
		cl("pauses: what cannot be read stops nothing", pauses,
			"\tif p.strange {\n\t\treturn &Paused{", "\tif false {\n\t\treturn &Paused{", "TestStrangePauses"),
		cl("pauses: who waits is not woken", pauses,
			`return c.wakeWaiting(ctx, t)`, `return nil`, "TestPauseStopsTheResend|TestPausedVendor"),
		cl("pauses: those of a lost history count", pauses,
			`old.version == set.Version && old.epoch == epoch && bytes.Equal(old.value, set.Value) {`, `old.version == set.Version && (old.epoch == epoch || bytes.Equal(nil, nil)) {`, "TestPausesOfALostHistory"),
		cl("pauses: Drain waits for them", "client/drain_end.go",
			"\t\topen = 0\n", "", "TestPausedVendor|TestDrainWaits"),

		cl("change log: an entry may be another one", verify,
			`if digestOf(append(bytes.Clone(bare), '}')) != e.Digest {`, `if digestOf(bare) == "" {`, "TestVerifyFindsEveryByte"),
		cl("change log: an entry follows any other", verify,
			`if e.Prev != v.at.Digest {`, `if false {`, "TestVerifyFindsWhatIsMissing"),
		cl("change log: what was known is not compared", verify,
			`if k.N == n && k.Digest != e.Digest {`, `if k.N == n && k.Digest == "" {`, "TestVerifyFindsWhatIsMissing"),
		cl("change log: a log that was cut is whole", verify,
			`if k.N > v.at.N {`, `if false {`, "TestVerifyFindsWhatIsMissing"),
		cl("change log: any entry is that of a lost acknowledgement", log,
			`have.Digest == e.Digest {`, `have.Digest != "" {`, "TestChangeLogOvertaken"),
		cl("change log: a lost acknowledgement is an error", log,
			`if set.Version != 0 && json.Unmarshal(set.Value, &have) == nil`, `if false && json.Unmarshal(set.Value, &have) == nil`, "TestChangeLogWithout"),

		cl("undo: another pause ends", undo,
			`if err == nil && !bytes.Equal(entry.Before, e.After) {`, `if err == nil && bytes.Equal(entry.Before, nil) {`, "TestUndoIsOvertaken"),
		cl("undo: another approval is taken back", undo,
			`set.Version != given.Version || `, ``, "TestUndoIsOvertaken"),
		m("undo: a decision is taken back after it was carried out", "idempotency/machine.go",
			`next.Prior == r.Prior && movedOn(r, next) {`, `next.Prior == r.Prior && false {`, "TestReopenIsTooLate"),
		m("undo: a decision is taken back after it was carried out, by the oracle", "idempotency/machine.go",
			`next.Prior == r.Prior && movedOn(r, next) {`, `next.Prior == r.Prior && false {`, "TestExploreFinds.*/^blind$"),
		m("undo: what somebody else wished goes with it", "idempotency/machine_person.go",
			`t.r.Cancel.Outcome != CancelLeft && !undoable {`, `t.r.Cancel.Outcome != CancelLeft {`, "TestReopenIsTooLate"),
		m("undo: another decision is taken back", "idempotency/machine_reopen.go",
			`case p.Fence != ev.Decision:`, `case false:`, "TestReopen"),
		m("undo: to be asked about in vain is news", "idempotency/machine_reopen.go",
			`return reflect.DeepEqual(a.known(), b.known())`, `return reflect.DeepEqual(a, b)`, "TestReopenIsNotTooLate"),
	}
}
