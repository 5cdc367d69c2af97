package main

// setup breaks what a client checks and takes from its adapters and its
// configuration before it works.
func setup() []Mutation {
	const (
		caps   = "capabilities.go"
		vendor = "client/vendor.go"
		prune  = "client/prune.go"
	)
	m := func(name, file, old, replacement, pkg, run string) Mutation {
		return Mutation{Name: name, File: file, Old: old, New: replacement, Package: pkg, Run: run}
	}
	return []Mutation{
		m("cut-off: a zone that cannot be loaded passes for another one", caps,
			"\tzone, err := c.Location()\n\tif err != nil {\n\t\treturn time.Time{}\n\t}\n",
			"\tzone, err := c.Location()\n\tif err != nil {\n\t\tzone = time.FixedZone(\"EST\", -5*60*60)\n\t}\n", ".", "TestCancelWindow"),
		m("cut-off: the zone of the machine", caps,
			`case c.CutoffZone == "Local":`, `case c.CutoffZone == "local":`, ".", "TestCancelWindow"),
		m("cut-off: a client works with a zone that cannot be loaded", vendor,
			`if _, err := caps.Cancel.Location(); err != nil {`, `if _, err := caps.Cancel.Location(); err != nil && v == nil {`, "./client", "TestCutoff"),
		m("rate: what was agreed counts for nothing", vendor,
			`cmp.Or(v.config.Rate, caps.Rate)`, `cmp.Or(caps.Rate, v.config.Rate)`, "./client", "TestVendorRate"),
		m("rate: half of one is taken for none", vendor,
			`(r.Requests <= 0 || r.Per <= 0)`, `r.Requests < 0`, "./client", "TestVendorRate"),
		m("retention: the ledger's time alone counts", prune,
			`local.Before(at)`, `local.IsZero()`, "./client", "TestNothingIsPrunedByATimeThatRanAhead"),
		m("retention: pruning goes on when the work has ended", prune,
			"\t\tcase <-stopped:\n", "\t\tcase <-ctx.Done():\n", "./client", "TestPruningEndsWithTheWork"),
		m("retention: a ledger is pruned before its recovery", prune,
			`if c.id().EpochChanged() {`, `if c.id().EpochChanged() && total > 0 {`, "./client", "TestPruneRefuses"),
		m("retention: what has just ended may be pruned", prune,
			`before.After(newest)`, `before.After(c.now())`, "./client", "TestPruneRefuses"),
	}
}
