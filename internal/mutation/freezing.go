package main

// freezing returns the ways to break how a snapshot comes to the disk.
func freezing() []Mutation {
	sn := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: name, File: "snapshot/" + file, Old: old, New: replacement, Package: "./snapshot", Run: run}
	}
	return []Mutation{
		sn("freeze: a sync that failed beside another is not told", "synced.go", `err = <-before`, `<-before`, "TestSyncAllBehindAnother"),
		sn("freeze: what was written behind the last sync is not synced", "synced.go",
			`(!begun || f.behind > 0)`, `!begun`, "^TestSyncAll$"),
		sn("freeze: all is synced again at the end", "synced.go", `f.syncing, f.behind = all, 0`, `f.syncing = all`, "^TestSyncAll$"),
		sn("freeze: a disk that lost a dropped file is believed", "synced.go",
			`errors.Join(f.err, f.file.Close(), f`, `errors.Join(f.file.Close(), f`, "TestDroppedFileTells"),
		sn("freeze: a sieve that grows forgets", "digests.go", `slices.Concat(s.seen, s.seen)`, `slices.Concat(s.seen, make([]uint64, len(s.seen)))`, "TestSieve"),
		sn("freeze: what came again before a sieve grew is held back", "digests.go",
			`slices.Concat(s.again, s.again)`, `slices.Concat(s.again, make([]uint64, len(s.again)))`, "TestSieve"),
		sn("freeze: a row's number is that of another ten", "frozen.go", `tens != c.tens`, `tens == 1`, "TestCounterWritesAnyNumber"),
		sn("freeze: a formula in a row is not looked for", "rules.go", `all&classFormula != 0`, `all&classHigh != 0`, "TestRules|TestHygiene"),
	}
}
