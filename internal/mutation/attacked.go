package main

// attacked breaks what an adversary found missing who put features of the client
// together: settings that change between two runs, send dates, wishes and second
// thoughts about more than one piece.
func attacked() []Mutation {
	const (
		send      = "client/send.go"
		reconcile = "client/reconcile.go"
	)
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "attack: " + name, File: file, Old: old, New: replacement, Package: "./client", Run: run}
	}
	return []Mutation{
		m("a key counts for what went out without one", "client/account.go",
			`if v.caps.Idempotency.Kind != postproof.IdempotencyKey {`, `if false {`, "TestWhatWasSentWithoutAKey"),
		m("nobody is told why it is not sent again by a key", send,
			`case err == nil && sub.VendorKey == "" && v.keyOf(s) != "":`, `case false:`, "TestWhatWasSentWithoutAKey"),
		m("a refused send waits for the kind of key that it was refused with", send,
			`old.VendorKey != v.keyOf(s))`, `false)`, "TestARefusedSendGoesOn"),
		m("a date that has passed is sent", "client/work.go",
			`if !filled.SendDate.After(first.Add(sendDateSlack)) {`, `if false {`, "TestASendDateThatHasPassed"),
		m("what was sent with a date that has passed is sent again", send,
			`!s.Job.SendDate.After(w.c.now()):`, `false:`, "TestASendDateThatPasses"),
		m("a piece that waits for its date is too late to be canceled", "client/work.go",
			`if w.waitsForItsDate(s) {`, `if false {`, "TestCancelOfAPieceThatWaits"),
		m("a vendor is asked to cancel whatever the send date", reconcile,
			`w.c.now().Before(v.caps.Cancel.UntilSent(job.SendDate))`, `!w.c.now().Before(v.caps.Cancel.UntilSent(job.SendDate))`, "TestCancelOfAPieceThatWaits"),
	}
}
