package main

// combined breaks what an adversary found missing who put features of the client
// together: settings that change between two runs, send dates, wishes and second
// thoughts about more than one piece.
func combined() []Mutation {
	const (
		send      = "client/send.go"
		reconcile = "client/reconcile.go"
	)
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "combined: " + name, File: file, Old: old, New: replacement, Package: "./client", Run: run}
	}
	machine := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "combined: " + name, File: "idempotency/" + file, Old: old, New: replacement, Package: "./idempotency", Run: run}
	}
	return []Mutation{
		m("a key counts for what went out without one", "client/account.go",
			`if v.caps.Idempotency.Kind != postproof.IdempotencyKey {`, `if false {`, "TestWhatWasSentWithoutAKey"),
		m("nobody is told why it is not sent again by a key", send,
			`case err == nil && sub.VendorKey == "" && v.keyOf(s) != "":`, `case false:`, "TestWhatWasSentWithoutAKey"),
		m("a refused send waits for the kind of key that it was refused with", send,
			`old.VendorKey != v.keyOf(s))`, `false)`, "TestARefusedSendGoesOn"),
		m("a job waits as long as the vendor wants to be left alone", send,
			`if ans.Delivery < postproof.Unknown && len(w.c.vendors) > 1 {`, `if false {`, "TestALongRetryAfter"),
		m("a cap is given back what a piece would cost today", "client/limits.go",
			`if s.Cents != 0 {`, `if false {`, "TestACapIsGivenBack"),
		m("what was free is given back a price", "client/send.go",
			`Cents: w.countedWith(v),`, `Cents: w.cents(v.name),`, "TestACapIsGivenBack"),
		m("what is sent again counts with another price", "idempotency/machine_send.go",
			`if !counted { // else`, `if !counted || s != nil { // else`, "TestACapIsGivenBack"),
		m("a date that has passed is sent", "client/work.go",
			`if !filled.SendDate.After(first.Add(sendDateSlack)) {`, `if false {`, "TestASendDateThatHasPassed"),
		m("what was sent with a date that has passed is sent again", send,
			`!s.Job.SendDate.After(w.c.now()):`, `false:`, "TestASendDateThatPasses"),
		m("who is to be forgotten is mailed again", "client/remail.go",
			`case !first.EraseAt.IsZero(), `, `case `, "TestNoSecondPieceForWhoIsErased"),
		m("an amended job goes to another campaign or contact", "client/jobs.go",
			`if job.Campaign != was.Campaign || job.Contact != was.Contact {`, `if false {`, "TestAmendLeavesTheJob"),
		m("an amended job forgets its priority", "client/jobs.go",
			`job.Priority = was.Priority`, `job.Priority = 0`, "TestAmendLeavesTheJob"),
		m("a person's word in doubt is called not done", "client/changes.go",
			`if set.Version == 0 && errors.Is(cause, idempotency.ErrInDoubt) {`, `if false {`, "TestAPersonsWordInDoubt"),
		m("a damaged line of a spool file is dropped", "client/spool.go",
			`if err == nil && !whole {`, `if whole = true; false {`, "TestADamagedLine"),
		m("a spool file that was set aside is forgotten by the next process", "client/spool.go",
			`filepath.Match(damagedPattern, e.Name()); ok {`, `filepath.Match(damagedPattern, e.Name()); false && ok {`, "TestADamagedLine"),
		m("another piece's status is told of as this job's", reconcile,
			`order.Receipt.Ref != "" && order.Receipt.Ref != sub.Ref) ||`, `false) ||`, "TestAnIDOfAnotherPiece"),
		m("a callback about another piece is believed by its id", "client/observe.go",
			`case e.Ref != "": // an id`, `case e.Ref == "-": // an id`, "TestACallbackOfAnID|TestImportGoesOnBehind"),
		m("a piece of the other mode is canceled for this job", reconcile,
			`(order.Mode != "" && order.Mode != w.rec.Mode)) {`, `false) {`, "TestAPieceOfTheOtherMode"),
		m("another piece is canceled for this job", reconcile,
			`if errors.Is(err, errOtherPiece) || (`, `if (`, "TestAnIDOfAnotherPiece"),
		m("an answer with an order that is none is whole", reconcile,
			`return o == nil }), false`, `return o == nil }), found.Complete`, "TestAnOrderThatIsNone"),
		machine("too late for one piece is too late for all", "machine_reconcile.go",
			`c.Outcome == CancelTooLate && !t.counts(s)`, `false`, "TestTooLateForOnePiece"),
		machine("too late for a piece is forgotten with a word about it", "machine_reconcile.go",
			`c.Outcome == CancelTooLate && !t.counts(s)`, `c.Outcome == CancelTooLate`, "TestTooLateForOnePiece"),
		machine("too late for a piece is too late for its twin", "machine_late.go",
			`if t.r.Cancel.Outcome == CancelTooLate {`, `if false {`, "TestTooLateForOnePiece"),
		machine("a word of where a piece is says what it shows", "machine_reconcile.go",
			`if s.Differs && (id == ""`, `if false && (id == ""`, "TestAWordOfWhereAPieceIs"),
		machine("a job is held again with each word", "machine_reconcile.go",
			`case t.r.State == Held && t.r.Hold.Reason == HoldContentDiffers:`, `case false:`, "TestAWordOfWhereAPieceIs"),
		machine("a piece that differs is not canceled where it is held", "machine_person.go",
			`if s.Join == postproof.Accepted && s.VendorID != "" { // it need`, `if false { // it need`, "TestCancelOfAPieceThatDiffers"),
		machine("a piece that differs is held against the wish", "machine_reconcile.go",
			`case !s.Differs, t.stopsAll():`, `case !s.Differs:`, "TestCancelOfAPieceThatDiffers"),
		machine("a wish is carried out on no piece that differs", "machine_answer.go",
			`if s.Differs && !t.stopsAll() {`, `if s.Differs {`, "TestCancelOfAPieceThatDiffers"),
		machine("what is done is sent anew", "machine_reconcile.go",
			`case t.r.State == Done: // it ended`, `case false: // it ended`, "TestNothingIsSentAnewOfWhatIsDone"),
		machine("a piece as it was before an amendment is the job", "machine_reconcile.go",
			`"", !o.Equal || s.Amended`, `"", !o.Equal`, "TestWhatTurnsUpAfterAnAmendment"),
		machine("what was never sent is a piece as it was", "machine_person.go",
			`s.Amended = s.Join != postproof.NotSent`, `s.Amended = true`, "TestWhatTurnsUpAfterAnAmendment"),
		machine("canceled is said in doubt", "machine_answer.go",
			`if t.r.Cancel.Outcome == CancelDone { // nobody`, `if false { // nobody`, "TestNobodySaysCanceledInDoubt"),
		machine("the policy takes a risk for want of an adapter", "next.go",
			`case reason == HoldVendorGone:`, `case false:`, "TestPolicyTakesNoRiskForWant"),
		machine("a person names the twin, and the other piece is forgotten", "machine_person.go",
			`case ev.VendorID != "" && ev.VendorID == s.Twin:`, `case false:`, "TestAPersonNamesTheTwin"),
		m("an old piece that waits for its date is too late to be canceled", "client/work.go",
			`if w.waitsForItsDate(s) {`, `if false {`, "TestCancelOfAnOldPiece"),
		m("a vendor is asked to cancel an old piece whatever the send date", reconcile,
			`w.c.now().Before(v.caps.Cancel.UntilSent(job.SendDate))`, `!w.c.now().Before(v.caps.Cancel.UntilSent(job.SendDate))`, "TestCancelOfAnOldPiece"),
		m("a recovery believes in an order that is none", "client/recover_before.go",
			`found, err = findBy(ctx, v.finder(), call, ref)`, `if found, err = v.finder().Find(ctx, call, ref); found != nil {
			found.Orders = slices.DeleteFunc(found.Orders, func(o *vendors.Order) bool { return o == nil })
		}`, "TestAnOrderThatIsNoneBeside"),
		machine("a piece that waits for its date is too late to be canceled", "dates.go",
			`later(c.Cancel.Until(accepted), c.Cancel.UntilSent(r.sendDate(s)))`, `c.Cancel.Until(accepted)`, "TestCancelUntilTheSendDate"),
		m("an intent names no send date", send, `SendDate: s.Job.SendDate.UTC(),`, ``, "TestErasureStopsAPiece"),
		machine("the machine keeps no send date", "machine_send.go", `FirstAt: t.now, SendDate: ev.SendDate,`, `FirstAt: t.now,`, "TestSendDateOfWhatIsSent"),
		machine("what is sent elsewhere keeps the send date of before", "machine_send.go",
			`ev.Digest, t.now, ev.SendDate`, `ev.Digest, t.now, s.SendDate`, "TestSendDateOfWhatIsSent"),
		machine("another piece beside one that differs is not told of", "machine_reconcile.go",
			`if !known && !thoughtGone {`, `if !known && !thoughtGone && false {`, "TestWhatTurnsUpAfterAnAmendment"),
		machine("a piece that differs is told of again and again", "machine_reconcile.go",
			`if !known && !thoughtGone {`, `if !known || true {`, "TestAWordOfWhereAPieceIs"),
		m("a worker that is stopped beside a control piece keeps the job", reconcile,
			`case ctx.Err() != nil: // whoever`, `case false: // whoever`, "TestStopBesideAControlPiece"),
		m("an id that is in question is missing", reconcile, "\t\tcase open:\n", "\t\tcase open && false:\n", "TestFormerAccountInQuestion"),
	}
}
