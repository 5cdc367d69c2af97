package main

// replays breaks what decides what a replay does, and what it does not.
func replays() []Mutation {
	const (
		machine = "idempotency/machine_replay.go"
		items   = "client/replay_items.go"
		read    = "client/replay_read.go"
		run     = "client/replay_run.go"
		do      = "client/replay_do.go"
		state   = "client/replay_state.go"
		plan    = "client/replay_plan.go"
		report  = "client/replay_report.go"
		remail  = "client/remail.go"
	)
	cl := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: name, File: file, Old: old, New: replacement, Package: "./client", Run: run}
	}
	m := func(name, old, replacement, run string) Mutation {
		return Mutation{Name: name, File: machine, Old: old, New: replacement, Package: "./idempotency", Run: run}
	}
	return []Mutation{
		m("replay: the same run sends again", `case r.Run == ev.Run:`, `case r.Run == ev.Run && ev.Run == "":`, "TestReplayRefuses"),
		m("replay: what is to be canceled is sent", `case r.Cancel.Stands():`, `case r.Cancel.Stands() && r.State == Canceled:`, "TestReplayRefuses"),
		m("replay: refused under the same reference", "\tif t.burnt() || t.sentInGeneration() {\n", "\tif t.burnt() {\n", "TestReplay$"),
		m("replay: burnt under the same reference", "\tif t.burnt() || t.sentInGeneration() {\n", "\tif false {\n", "TestReplay$"),
		m("replay: a resend is brought forward", `if !t.resends() {`, `if true {`, "TestReplay$"),
		m("replay: a person's hold is ended", "HoldCap:\n\tcase HoldContentDiffers, HoldContradiction, HoldGenerations, HoldCanary, HoldOperator:",
			"HoldCap, HoldOperator:\n\tcase HoldContentDiffers, HoldContradiction, HoldGenerations, HoldCanary:", "TestReplayRefuses"),
		m("replay: a hold that nobody can settle is ended", `if c := t.m.caps(s.Vendor); c != nil && (c.Lookup.ByRef ||`,
			`if c := t.m.caps(s.Vendor); c != nil && (true ||`, "TestReplayRefuses"),
		m("replay: the deadline of before counts", `r.Tries, r.PlannedAt = 0, later(r.PlannedAt, t.now)`, `r.Tries = 0`, "TestReplay$"),

		cl("replay: a changed address is sent as it was", items, `case it.job != nil && it.paper != rec.Fingerprint:`, `case false:`, "TestPlanReplay"),
		cl("replay: refused ones are sent unasked", items, `if j.asksForRefused(rec) {`, `if true {`, "TestPlanReplay"),
		cl("replay: a list of whom was mailed stops the piece itself", items, `if sent && code != snapshot.CodeDoNotMail {`, `if sent && code == "" {`, "TestReplaySuppresses"),
		cl("replay: what waits is mailed though suppressed", items, "\t\tit.cancel = true\n", "", "TestReplaySuppresses"),
		cl("replay: time is not looked at", items, "\treturn q.inTime(rec)\n", "\treturn true\n", "TestPlanReplayQuery"),
		cl("replay: what is in the list counts twice", read, "\t\tif row {\n", "\t\tif row && false {\n", "TestPlanReplayQuery"),
		cl("replay: no end to what it sends", do, `Add: 1, Limit: run.st.Budget}`, `Add: 1}`, "TestReplayNeverSendsMore"),
		cl("replay: no sends planned is no bound", do, "\tif run.st.Budget <= 0 {\n", "\tif false {\n", "TestReplayNeverSendsMore"),
		cl("replay: a stop is obeyed at the next batch only", do,
			"\t\tch.Reads = append(ch.Reads, idempotency.SettingRead{Name: replaySetting(run.name), Version: run.version})\n", "", "TestReplayStopIsExact"),
		cl("replay: a pause is not obeyed", run, `if st.PausedAt.IsZero() {`, `if true {`, "TestReplayControls"),
		cl("replay: the throttle is forgotten", run, `if rate := run.st.Rate; rate > 0 {`, `if rate := run.st.Rate; rate < 0 {`, "TestReplayControls"),
		cl("replay: two go on with it", run, `case st.Runner != run.runner:`, `case false:`, "TestReplayIsTakenOver"),
		cl("replay: a stopped run goes on", run, `case !st.Stopped.IsZero():
			return "", replayError(ErrReplayStopped)`, `case false:
			return "", replayError(ErrReplayStopped)`, "TestReplayControls"),
		cl("replay: a name stands for anything", run, `case st.Scope != scope:`, `case false:`, "TestReplayNameStandsForOne"),
		cl("replay: no bound to what waits", run, `n = min(n, int(run.ahead))`, `n = min(n, 1000)`, "TestReplayAhead"),
		cl("replay: the cursor is not kept", run, `st.Cursor = b.next`, `_ = b.next`, "TestReplayGoesOnBehindItsCursor"),
		cl("replay: pauses count as work", state, "\tst.Paused += max(0, now.Sub(st.PausedAt))\n", "", "TestReplayProgressTimes"),
		cl("replay: a run keeps what another took", plan, "\t\tadd(run, inRun, -1)\n", "", "TestReplaySendsRefusedAgainOnce"),
		cl("replay: what was lost again counts", plan, "\tadd(run, place, -1)\n", "", "TestReplayReportTells"),
		cl("recovery: once reached is reached for ever", report, "\t\t\t\tt.At = time.Time{}\n", "", "TestReplayReportTells"),
		cl("recovery: the share is rounded down", report, `math.Ceil(t.Share*float64(out.Total) - 1e-9)`, `math.Floor(t.Share * float64(out.Total) * 0.99)`, "TestReplayReport"),
		cl("recovery: the years before are read", report, `c.seekHistory(ctx, out.StartedAt.Add(-historyMargin))`, `uint64(0), error(nil)`, "TestReplayReportReads"),
		cl("recovery: the history of the run is passed over", report, `out.StartedAt.Add(-historyMargin)`, `out.StartedAt.Add(historyMargin)`, "TestReplayReport"),
		cl("remail: what may still come is sent twice", remail, `case first.State == idempotency.Planned, first.State == idempotency.Sending, first.State == idempotency.Unknown:`,
			`case first.State == idempotency.Sending:`, "TestRemailRefuses"),
		cl("remail: a held one is sent twice", remail, `case first.State == idempotency.Held:`, `case false:`, "TestRemailRefuses"),
		cl("remail: nobody needs a reason", remail, `who.reasoned(op)`, `who.named(op)`, "TestRemailRefuses"),
		cl("remail: the list is not asked", remail, "\tif code != \"\" {\n", "\tif false {\n", "TestRemailRefuses"),
	}
}
