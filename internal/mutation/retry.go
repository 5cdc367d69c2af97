package main

// sender breaks what package retry promises about sends: that none is made
// which may not be, that each one made is known, and that what is not known is
// said.
func sender() []Mutation {
	const (
		attempt = "retry/attempt.go"
		call    = "retry/call.go"
		judge   = "retry/judge.go"
		request = "retry/request.go"
		conn    = "retry/conn.go"
		budget  = "retry/budget.go"
	)
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "retry: " + name, File: file, Old: old, New: replacement, Package: "./retry", Run: run}
	}
	root := func(name, old, replacement string) Mutation {
		return Mutation{Name: "retry: " + name, File: "retryafter.go", Old: old, New: replacement, Package: ".", Run: "TestParseRetryAfter"}
	}
	return []Mutation{
		m("the answer to a hidden resend speaks for all its sends", attempt,
			`if record.Sends > 1 && failed != nil {`, `if record.Sends > 2 && failed != nil {`, "TestHiddenResend"),
		m("the join is the last attempt's delivery", attempt,
			`c.join = c.join.Join(record.Delivery)`, `c.join = record.Delivery`, "TestJoin"),
		m("a hidden resend costs no budget", attempt,
			`c.sender.config.Budget.charge(now)`, `_ = now`, "TestHiddenResend"),
		m("net/http may repeat a request that must not be", attempt,
			`case c.class == postproof.RepeatNever && a.sends > 0:`, `case false:`, "TestRepeatingWrapper"),
		m("not-after is not looked at before the first byte", attempt,
			"case c.tooLate(now):\n\t\ta.refused", "case false:\n\t\ta.refused", "TestNotAfterAtTheConnection|TestStallAnywhere|TestHiddenResendTooLate"),
		m("a late request uses up the idle connections", attempt,
			"\t\ta.cancel()\n", "", "TestTooLateKeepsIdleConnections"),
		m("an attempt that is over may still write", attempt,
			"a.closed = true\n\tconn := a.conn", "conn := a.conn", "TestNoWriteAfterTheAttempt"),
		m("attempts share one header", attempt,
			`req.Header = c.req.header()`, `req.Header = outer.Header`, "TestHeaderIsCloned"),
		m("net/http takes an unrepeatable request for repeatable", attempt,
			"\t\tlower(req.Header, \"Idempotency-Key\", \"idempotency-key\")\n", "", "TestHiddenResend"),
		m("a write that took nothing counts as a send", attempt,
			"\ta.sends--\n\ta.call.sends.Add(-1)\n", "", "TestFirstByteDecides"),
		m("an attempt that runs out of time says nothing of a timeout", "retry/error.go",
			`Timeout() bool { return true }`, `Timeout() bool { return false }`, "TestAttemptEndsAsATimeout"),
		m("an attempt's end looks like the caller's", attempt,
			`return context.WithTimeoutCause(ctx, d, errAttemptTimeout)`, `return context.WithTimeout(ctx, d)`, "TestAttemptEndsAsATimeout"),
		m("an attempt's end looks like a cancellation on a clock of its own", attempt,
			`cancel(errAttemptTimeout)`, `cancel(nil)`, "TestAttemptEndsAsATimeout"),
		m("a connection without a gate counts as unused", attempt,
			`_ = a.begin(false)`, `_ = conn`, "TestForeignRoundTrippers"),
		m("a refusal that breaks off is believed", judge,
			`if e.Delivery == postproof.Refused && readErr != nil &&`, `if e.Delivery == postproof.Refused && false &&`, "TestRefusalThatBreaksOff"),
		m("a long refusal is in doubt", judge, `postproof.Refused && readErr != nil && !errors.Is(readErr, errTooLarge)`, `postproof.Refused && readErr != nil`, "TestLongRefusal"),
		m("a connection that switched protocols is read on", judge,
			`resp.StatusCode == http.StatusSwitchingProtocols`, `resp.StatusCode == 0`, "TestSwitchedProtocols"),
		m("the first byte does not decide", conn,
			`a.wrote(n > 0)`, `a.wrote(n == len(p))`, "TestFirstByteDecides"),
		m("an unknown outcome is repeated whatever the class", call,
			`return c.class == postproof.RepeatSafe || c.class == postproof.RepeatKeyed`, `return true`, "TestDecisionTable"),
		m("a refusal is repeated whatever its code", call,
			"\tdefault:\n\t\treturn false\n\t}\n\tswitch f.err.Delivery {", "\tdefault:\n\t}\n\tswitch f.err.Delivery {", "TestDecisionTable"),
		m("a gate below that names a time is tried again before it", call,
			`if !f.retryAt.IsZero() {`, `if false {`, "TestJoin"),
		m("a wait goes beyond not-after", call,
			`case c.tooLate(now.Add(wait)):`, `case c.tooLate(now):`, "TestNotAfterBeforeTheWait"),
		m("a wait that cannot end in time is begun", call,
			"case c.noTimeFor(wait):", "case false:", "TestUnreachableDeadline"),
		m("a typical attempt need not fit before the deadline", call,
			`wait += c.sender.typicalOf(c.class)`, `_ = wait`, "TestTypicalAttemptMustFit"),
		m("a call inside an attempt repeats, too", call,
			"case c.parent != nil:\n\t\tc.stop", "case false:\n\t\tc.stop", "TestNestedCall"),
		m("a long wish is waited for inside the call", call,
			`case f.hint > config.MaxInlineWait:`, `case false:`, "TestWaits"),
		m("the wish comes in the place of the jitter", call,
			`wait := f.hint + fullJitter(base, config.Cap, c.index-1, config.Rand)`,
			`wait := max(f.hint, fullJitter(base, config.Cap, c.index-1, config.Rand))`, "TestWaits"),
		m("the budget is not asked", call,
			`case !config.Budget.withdraw(now, f.timeout):`, `case false:`, "TestBudgetBounds.*/one"),
		m("the end of the context hides behind its cause", call,
			`return fmt.Errorf("%w: %w", err, cause)`, `return fmt.Errorf("%w", cause)`, "TestCallerCancels"),
		m("a caller who cancels is not heard before a repeat", call,
			"\tif c.Err() != nil {\n\t\tc.stop, c.cause = StopContext, c.contextCause()\n\t\treturn false\n\t}\n\tconfig", "\tconfig", "TestCallerCancels"),
		m("a key without a window is good for ever", request,
			`case r.Class == postproof.RepeatKeyed && !r.NotAfter.IsZero():`, `case r.Class == postproof.RepeatKeyed:`, "TestDecisionTable|TestKeyWindow"),
		m("a 5xx is a definite no", "http.go",
			"status == 422 || status == 429:", "status == 422 || status == 429 || status >= 500:", "TestDecisionTable|TestJoin"),
		m("a judge may call an answered request not sent", judge,
			`e.Delivery = postproof.Refused`, `_ = e`, "TestJudgeCannotAccept"),
		m("a judge may accept a redirect", judge,
			`case resp.StatusCode >= 300 && resp.StatusCode <= 399 && resp.StatusCode != http.StatusNotModified:`, `case false:`, "TestJudgeCannotAccept"),
		m("half a 2xx is judged", judge,
			`if readErr != nil && resp.StatusCode < 300 {`, `if false {`, "TestJudgeCannotAccept|TestAnswerSizes"),
		m("what may have been written counts as not sent", judge,
			"case a.mayBeWritten():\n\t\te.Delivery = postproof.Unknown", "case a.mayBeWritten():\n\t\te.Delivery = postproof.NotSent", "TestFirstByteDecides|TestDecisionTable"),
		m("an inner call's trace proves that nothing was sent", judge,
			`a.asked && !a.muddied`, `a.asked`, "TestInnerTrace"),
		m("what nobody watched counts as not sent", judge,
			"\t\ta.assume()\n\t\te.Delivery = postproof.Unknown", "\t\ta.assume()\n\t\te.Delivery = postproof.NotSent", "TestForeignRoundTrippers"),
		root("a wish in seconds has no upper bound",
			`if err != nil || seconds > uint64(MaxRetryAfter/time.Second) {`, `if err != nil {`),
		root("a wish too large for an integer is no wish",
			"\t\t\treturn MaxRetryAfter, true\n", "\t\t\treturn 0, false\n"),
		root("a wished date has no upper bound",
			`return min(max(at.Sub(now), 0), MaxRetryAfter), true`, `return max(at.Sub(now), 0), true`),
		root("a wished date that is past is negative",
			`return min(max(at.Sub(now), 0), MaxRetryAfter), true`, `return min(at.Sub(now), MaxRetryAfter), true`),
		root("a wished date is measured by our clock",
			"\t\tnow = said\n", "\t\t_ = said\n"),
		m("a timeout costs what a quick no costs", budget,
			"\t\tcost = b.timeoutCost\n", "\t\tcost = min(b.timeoutCost, 1)\n", "TestBudgetCosts"),
		m("a clock that was set back freezes the window", budget,
			`if slot <= b.current && b.current-slot < budgetSlots {`, `if slot <= b.current {`, "TestBudgetWindow"),
	}
}
