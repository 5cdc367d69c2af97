package main

import "path"

// pairs breaks what keeps two things apart that are harmless each: a clock that is set
// right while an outcome is unknown, and replicas of two versions before a restored
// backup.
func pairs() []Mutation {
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "pairs: " + name, File: path.Join("client", file), Old: old, New: replacement, Package: "./client", Run: run}
	}
	return []Mutation{
		m("a key is as old as the clock says that was set back", "send.go",
			`if w.ageUnknown(v, sub) {`, `if false {`, "TestKeyWhoseAgeIsNotKnown"),
		m("no key is believed by a clock that was set back a little", "send.go",
			`w.c.time.setBack(sub.FirstAt) > i.Margin/2`, `w.c.time.setBack(sub.FirstAt) > 0`, "TestKeyWhoseAgeIsNotKnown"),
		m("a clock that is set back while it is looked at is not noticed", "now.go",
			"\t\tt.fellBack(wall)\n", "", "TestLedgerTimeKnowsHowFarItWasSetBack"),
		m("what came after the clock was set right is in doubt, too", "now.go",
			`if since.After(t.backAt) {`, `if false {`, "TestLedgerTimeKnowsHowFarItWasSetBack"),
		m("the date of a replay is believed, by a clock that is ahead", "answer.go",
			`!t.IsZero() && t.Before(at) {`, `!t.IsZero() {`, "TestReplayedAnswerIsNoYoungControlPiece"),
		m("what a lost history sent is a control piece, as its vendor dates it", "control.go",
			`at.Before(s.FirstAt) {`, `at.Before(s.FirstAt) || s.FirstAt.IsZero() {`, "TestWhatIsHeardOfLateIsNoControlPiece"),
		m("versions take turns without end", "../idempotency/machine_plan.go",
			`n > 0 && n+1 >= t.m.WithDefaults().MaxGenerations {`, `n < 0 {`, "TestTwoVersionsTakeTurns"),
		m("a generation that was given up for its request is not spent", "../idempotency/reach.go",
			`(died || madeAnew)`, `(died || madeAnew && s.Fate != "")`, "TestTwoVersionsTakeTurns"),
	}
}
