package main

// spans breaks what a trace and the metrics tell of a piece's way.
func spans() []Mutation {
	const (
		spans     = "client/spans.go"
		reconcile = "client/reconcile.go"
	)
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "telemetry: " + name, File: file, Old: old, New: replacement, Package: "./client", Run: run}
	}
	return []Mutation{
		m("the read-back of a cancellation has no span", reconcile, "\tanswer = err\n\torder, rk", "\tend(span, err)\n\torder, rk", "TestEachRequestHasASpan"),
		m("the look-up of a control piece has no span", reconcile, "\tasked = err\n", "\tend(span, err)\n", "TestEachRequestHasASpan"),
		m("a control piece is linked to nothing", "client/recover_control.go", "c.logControl(ctx, vendor", "c.logControl(context.Background(), vendor", "TestCallsOfPeople"),
		m("a person's word is linked to nothing", "client/changes_jobs.go", "\t\tc.tel.linkTo(ctx, made.was)\n", "", "TestWordsOfPeopleHaveSpans"),
		m("a change is made outside of the span", "client/canary.go", "c.logged(ctx, \"approve\"", "c.logged(context.Background(), \"approve\"", "TestEachChangeHasASpan"),
		m("a call that fails ends its span as if it had not", spans, "span.SetStatus(codes.Error, postproof.CodeOf(err).String())\n\t}\n\tspan.End()", "}\n\tspan.End()", "TestEachChangeHasASpan"),
		m("a span says the whole of a target", spans, "case t.Kind == TargetVendor:", "default:", "TestEachChangeHasASpan"),
		m("what is taken back is linked to nothing", "client/undo.go", "\t\t\tc.tel.linkTo(ctx, made.was)\n", "", "TestEachChangeHasASpan"),
		m("what is heard is linked to nothing", "client/observe.go", "\tc.tel.linkTo(ctx, rec)\n", "", "TestEachChangeHasASpan"),
		m("a wish to ask is linked to nothing", "client/jobs.go", "\tc.tel.linkTo(ctx, rec)\n", "", "TestEachChangeHasASpan"),
		m("what cannot be asked is a poll", "client/poll.go", "\tc.tel.unasked.Add(ctx, 1, ", "\tc.tel.polls.Add(ctx, 1, ", "TestOnlyPollsThatWereMade"),
		m("a poll that is put off is one", "client/poll.go", "\tc.tel.putOff.Add(ctx, 1, ", "\tc.tel.polls.Add(ctx, 1, ", "TestOnlyPollsThatWereMade"),
		m("what is paused is the oldest job", "client/telemetry.go", "Now: now, Skip: append(paused.campaigns(), c.waitingCampaigns(ctx)...),", "Now: now, Skip: c.waitingCampaigns(ctx),", "TestAgeOfTheOldest"),
		m("a campaign that waits for approval has the oldest job", "client/telemetry.go", "append(paused.campaigns(), c.waitingCampaigns(ctx)...)", "paused.campaigns()", "TestAgeOfTheOldest"),
		m("who looks on sees nothing wait", "client/pauses.go", "return len(c.vendors) > 0 && !slices", "return !slices", "TestAgeOfTheOldest"),
		{Name: "telemetry: the youngest is the oldest, in memory", File: "idempotency/memory_queue.go", Old: "first.work.Before(oldest.work)", New: "first.work.After(oldest.work)", Package: "./idempotency", Run: "TestMemoryIsAStore/claim/the_oldest"},
		{Name: "telemetry: the youngest is the oldest, in SQLite", File: "idempotency/sqlite/claim.go", Old: "due < oldest", New: "due > oldest", Package: "./idempotency/sqlite", Run: "TestStoreIsAStore/claim/the_oldest"},
		m("a counter is of either ledger", "client/telemetry.go", "attribute.NewSet(append(attrs, t.mode)...)", "attribute.NewSet(attrs...)", "TestMetricsOfTwoLedgers"),
		m("a panic leaves no send", "client/call.go", "\t\tk.sends += k.sent\n\t\tif !returned {", "\t\tif k.sends += k.sent; !returned {\n\t\t\tk.sends = -1", "TestPanicAfterTheFirstByteIsUnknown"),
		m("a panic that is seen nowhere leaves no send", "client/call.go", "max(k.sends, 1)", "k.sends", "TestPanicBeforeTheFirstByte"),
		m("work is linked to nothing", spans, "if sc := t.origin(rec); sc.IsValid() {", "if sc := t.origin(rec); false && sc.IsValid() {", "TestSpans$"),
		m("a key that is handed in again is linked to nothing", "client/submit.go", "\tc.tel.linkTo(ctx, rec)\n", "", "TestSpansOfTheSameJob"),
		m("a second piece is linked to nothing", "client/remail.go", "\tc.tel.linkTo(ctx, first)\n", "", "TestSpansOfTheSameJob"),
		m("a panic is no error", spans, "\t*err = errPanicked\n", "", "TestPanicEndsSpans"),
		m("a panic in an attempt leaves its span open", "retry/attempt.go", "\t\tif !returned {\n", "\t\tif !returned && false {\n", "TestPanicEndsSpans"),
		m("a send behind the result leaves its span open", spans, "\ts.over = true\n", "", "TestSpansOfSendsThatCross"),
		m("a send that was taken back is two", spans, "if send.Index == s.index {", "if false {", "TestSpansOfSendsThatCross"),
		m("sends are numbered by attempts", spans, "n := send.Index - 1;", "n := s.start.Attempt;", "TestSpansOfRepeatedSends"),
		m("a late piece is counted again when it is printed", "client/work.go", "\t\tc.countIncident(ctx, e)\n", "\t\tc.countIncident(ctx, e)\n\t\tif e.Kind == idempotency.EntryLatePrinted {\n\t\t\tc.tel.late.Add(ctx, 1, c.tel.with(attribute.String(\"mail.vendor\", e.Vendor))...)\n\t\t}\n", "TestLatePiece"),
		m("incidents are not counted", "client/work.go", "\t\tc.countIncident(ctx, e)\n", "", "TestLatePiece"),
		m("a parked answer is not counted", "client/spool_apply.go", "\t\t\tc.countIncident(ctx, &entry)\n", "\t\t\t_ = entry\n", "TestAnswerWithoutAPlace|Parked"),
		m("the gauges of two ledgers are one", "client/telemetry.go", `attribute.String("mail.mode", string(c.id().Mode))`, `attribute.String("mail.mode", "test")`, "TestMetricsOfTwo"),
		m("what was enqueued is logged with keys", "client/enqueue.go", `slog.Any("key", r.Key)`, `slog.String("key", string(r.Key))`, "TestWhatIsHandedOut"),
		m("an erasure is printed with the person", "client/erase.go", "len(e.Keys), len(e.Contacts),", "len(e.Keys), e.Contacts,", "TestWhatIsHandedOut"),
		m("a message is printed with its payload", "idempotency/inbox.go", `"idempotency.Message{" + m.String()`, `"idempotency.Message{" + string(m.Body)`, "TestWhatIsHandedOut"),
		m("a row is logged with the person", "snapshot/row.go", "fmt.Sprint(r.Findings)", "fmt.Sprint(r.Findings, r.Row.Address.Name)", "TestWhatIsHandedOut"),
		m("a request is printed with its address", "vendors/redact.go", `" " + r.Method + " " + r.Route`, `" " + r.Method + " " + r.URL`, "TestWhatIsHandedOut"),
	}
}
