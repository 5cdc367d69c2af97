package main

// circuits breaks what package breaker promises: that it opens for the vendor's
// doing only, that few calls probe a vendor that was down, and that it always
// finds its way back.
func circuits() []Mutation {
	const (
		judge     = "breaker/judge.go"
		circuit   = "breaker/circuit.go"
		phase     = "breaker/phase.go"
		transport = "breaker/transport.go"
		set       = "breaker/set.go"
		window    = "breaker/window.go"
	)
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "breaker: " + name, File: file, Old: old, New: replacement, Package: "./breaker", Run: run}
	}
	return []Mutation{
		m("a caller who cancels counts against the vendor", judge,
			"\t\t\treturn Failure\n\t\t}\n\t\treturn Excluded\n\t}\n\town,", "\t\t\treturn Failure\n\t\t}\n\t\treturn Failure\n\t}\n\town,", "TestJudgeHTTPErrors|TestTransportExcludes"),
		m("a caller's deadline counts against the vendor", judge,
			`if cause == context.DeadlineExceeded { //nolint`, `if cause == nil { //nolint`, "TestJudgeHTTPErrors|TestTransportExcludes"),
		m("the time limit of an attempt excuses the vendor", judge,
			`return own.Code == postproof.CodeDeadlineExceeded`, `return own == nil`, "TestJudgeHTTPErrors|TestTransportExcludes"),
		m("a deadline that passed before the send counts", judge,
			`if own.Delivery != postproof.NotSent {`, `if true {`, "TestJudgeHTTPErrors"),
		m("our own bad requests count against the vendor", judge,
			"\tdefault:\n\t\treturn Outcome{Kind: Excluded}", "\tdefault:\n\t\treturn Outcome{Kind: Failure}", "TestJudgeHTTPStatus"),
		m("a 500 is no failure", judge,
			`case code >= http.StatusInternalServerError, code`, `case code > http.StatusInternalServerError, code`, "TestJudgeHTTPStatus"),
		m("a wish in seconds overflows", judge,
			`min(seconds, most)`, `seconds`, "TestJudgeHTTPStatus"),
		m("a wish too large for an integer is no wish", judge,
			`return 1 << 31 * time.Second`, `return 0`, "TestJudgeHTTPStatus"),
		m("a wished date that is past is negative", judge,
			`return max(0, at.Sub(sent))`, `return at.Sub(sent)`, "TestJudgeHTTPStatus"),
		m("one probe too many", circuit,
			`uint32(c.config.HalfOpenCalls)`, `uint32(c.config.HalfOpenCalls) + 1`, "TestHalfOpenBound"),
		m("an open breaker lets calls pass", circuit,
			"if c.phase == Open {\n\t\treturn c.refuse", "if c.phase == Open && c.forced {\n\t\treturn c.refuse", "TestOpenError|TestOpenTime"),
		m("a late result is applied", circuit,
			`if a.generation != c.generation {`, `if false {`, "TestLateResult|TestLostProbe"),
		m("an excluded outcome is told as a success", circuit,
			`IsExcluded:    func(err error) bool { return errors.Is(err, errExcluded) },`, `IsExcluded:    func(error) bool { return false },`, "TestHalfOpenBound|TestExcluded|TestGoexit"),
		m("an unknown kind of outcome is a failure", circuit,
			"\t\to.Kind = Excluded\n", "\t\to.Kind = Failure\n", "TestExcludedOutcomes"),
		m("a success does not end a row of failures", circuit,
			"\t\tc.consecutive = 0\n\tcase Excluded:", "\tcase Excluded:", "TestSuccessEndsTheRow"),
		m("a slow probe closes", circuit,
			`case c.phase == HalfOpen && slow:`, `case false:`, "TestSlowProbe"),
		m("slow successes do not open", circuit,
			`case c.config.SlowCallRate > 0 && float64(counts.Slow) >= c.config.SlowCallRate*calls:`, `case false:`, "TestSlowSuccesses|TestTransportMeasures"),
		m("the failure rate does not open", circuit,
			`case float64(counts.Failures) >= c.config.FailureRate*calls:`, `case false:`, "TestOldSuccesses"),
		m("few calls are enough for a rate", circuit,
			`case counts.Calls < uint64(c.config.MinCalls):`, `case counts.Calls == 0:`, "TestConsecutiveKnowsNoWindow|TestSlowSuccesses"),
		m("rules move a breaker that a person holds", circuit,
			"\tcase c.forced:\n", "", "TestManualOperation"),
		m("a dry run refuses", circuit,
			`if c.config.DryRun {`, `if false {`, "TestDryRun"),
		m("a lost probe blocks for ever", phase,
			`if out == 0 || now.Before(lostAt) {`, `if out >= 0 || now.Before(lostAt) {`, "TestLostProbe"),
		m("a clock set back prolongs the open time", phase,
			"\t\tc.shift(now.Sub(c.now))\n", "", "TestClockJumpsBack"),
		m("the open time does not grow", phase,
			"\t\tc.openings++\n", "", "TestOpenTimeGrows"),
		m("the open time never starts over", phase,
			"\t\tc.openings = 0\n", "", "TestOpenTimeGrows"),
		m("the vendor's wish is not heard", phase,
			`wish > 0 {`, `wish < 0 {`, "TestOpenTimeHasJitter"),
		m("the vendor's wish has no upper bound", phase,
			`wish := min(retryAfter, c.config.OpenMax); wish`, `wish := retryAfter; wish`, "TestOpenTimeHasJitter|TestTransportCounts"),
		m("a breaker released from open is closed at once", phase,
			"if c.phase == Open {\n\t\tc.renewTripped()", "if false {\n\t\tc.renewTripped()", "TestManualOperation"),
		m("a state is as old as the last call", phase,
			"\tc.tick()\n\treturn c.stateLocked()", "\treturn c.stateLocked()", "TestStateIsRight"),
		m("a second report of a call is applied", set,
			`if t.used.Swap(true) {`, `if t.used.Swap(false) {`, "TestDoneCountsOnce"),
		m("one breaker for all groups of a vendor", set,
			`n := name{vendor, group}`, `n := name{vendor, "submit"}`, "TestGroupsAreSeparate"),
		m("the window forgets nothing", window,
			"\t\tw.reset(now)\n\t\treturn\n", "\t\treturn\n", "TestOldSuccesses"),
		m("a refused request's body stays open", transport,
			`_ = req.Body.Close() // a RoundTripper`, `_ = req.Body // a RoundTripper`, "TestTransportCounts"),
		m("a panic below keeps the probe's place", transport,
			`	resp, err := t.next.RoundTrip(req)
	if err == nil &&`, `	kept = true
	resp, err := t.next.RoundTrip(req)
	kept = false
	if err == nil &&`, "TestPanicBelow"),
	}
}
