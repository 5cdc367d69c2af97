package main

// seams breaks what holds where two parts meet: each of these was missing once, and
// each side by itself was as it should be.
func seams() []Mutation {
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "seam: " + name, File: file, Old: old, New: replacement, Package: "./client", Run: run}
	}
	return []Mutation{
		m("callers of one instant make the same record", "client/submit.go",
			`time.Duration(c.leases.Add(1)%uint64(time.Millisecond))`, `0*time.Duration(c.leases.Add(1))`, "TestCommitsInDoubtOfOneInstant"),
		m("a decision is taken back across a restore", "client/undo.go",
			`if later.Action == ActionRecover {`, `if false {`, "TestUndoAcrossARestore"),
	}
}
