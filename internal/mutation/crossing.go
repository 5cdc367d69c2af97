package main

// crossing takes out what keeps two things right that happen at the same time: hints that
// cross each other, control pieces, and what an erasure has to remember.
func crossing() []Mutation {
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "crossing: " + name, File: "client/" + file, Old: old, New: replacement, Package: "./client", Run: run}
	}
	return []Mutation{
		m("what is taken back while it is written is not told", "hints.go",
			`case t.wish == nil && said.Reason != troubleOver:`, `case false:`, "TestHintTakenBackWhileItIsWritten"),
		m("what comes back before its end is written is called over", "hints.go",
			`!ends && t.known(reason, until, now)`, `(ends || !ends) && t.known(reason, until, now)`, "TestHintThatComesBackBeforeItsEndIsWritten"),
		m("hints of a lost history keep new ones from being written", "replicas.go",
			`if t.version != 0 && !there[name] {`, `if t.version != 0 && !there[name] && t == nil {`, "TestHintsAfterARestore"),
		m("a recovery by an older version does not count", "recover_number.go",
			`if id.EpochChanged() || n.Epoch == "" || n.Epoch == id.Epoch {`, `if id.EpochChanged() || n.Number > 0 {`,
			"TestRecoverByAnOlderVersionAfterANumberedOne"),
		m("a replayed answer without a date is a young control piece", "answer.go",
			`at := cur.FirstAt`, `at := c.now()`, "TestReplayedAnswerIsNoYoungControlPiece"),
		m("what the history knew of an erased person is forgotten", "erase_pending.go",
			`p.Heard[rec.ID] = all`, `_ = all`, "TestEraseIsFinishedWithWhatTheHistoryKnew"),
		m("what the history knows of an open job is left until it has gone", "erase_inbox.go",
			`(len(tokens) == 0 && len(heard) == 0)`, `len(tokens) == 0`, "TestEraseInTimeOfWhatOnlyTheHistoryKnows"),
		m("a parked answer says who was erased", "spool_apply.go",
			`err == nil && rec.Erased() {`, `err == nil && rec == nil {`, "TestAnswerAboutAnErasedPersonIsParkedWithoutHer"),
		m("what is given up about an erased person keeps its reason", "spool_apply.go",
			"case err == nil && rec.Erased():", "case err == nil && rec == nil:", "TestReasonOfADroppedAnswerOfAnErasedPerson"),
		m("a throttle that is loosened is slept out", "replay_run.go",
			`run.next(rate).Sub(now)`, `run.next(0.0001).Sub(now)`, "TestReplayThrottleThatIsLoosened"),
		m("a tiny rate is none", "replay_run.go",
			`min(float64(run.let)/rate*float64(time.Second), float64(longestThrottle))`, `float64(run.let)/rate*float64(time.Second)`,
			"TestReplayThrottleThatIsTiny"),
		m("a change is taken back twice", "undo.go",
			`if later.Undoes == n {`, `if later.Undoes == n && who.By == "carol" {`, "TestUndoOfWhatIsTakenBackMeanwhile"),
		m("an erasure does not wait for who applies the spool", "erase_pending.go",
			"if err := x.c.startSpooling(ctx, opErase); err != nil {\n\t\treturn err\n\t}\n\tdefer func() { <-x.c.spooling }()", `_ = ctx`,
			"TestEraseWhileTheSpoolIsApplied"),
	}
}
