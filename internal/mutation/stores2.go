package main

// stores2 breaks what a second attack on the stores found.
func stores2() []Mutation {
	lite := func(name, file, old, replacement, run string) Mutation {
		return Mutation{
			Name: "stores: " + name, File: "idempotency/sqlite/" + file, Old: old, New: replacement, Package: "./idempotency/sqlite", Run: run,
		}
	}
	return []Mutation{
		lite("a lock that is not to be had is waited for by each anew", "writer.go", `	if err := w.begin(ctx); err != nil {
		return true, err
	}
	b := w.batch`, `	if err := w.begin(ctx); err != nil {
		return false, err
	}
	b := w.batch`, "TestManyWaitForTheLockOnce"),
		lite("a file is replaced while the lock is waited for", "writer.go",
			`if err := w.stillThere(); err != nil { // the lock`, `if err := error(nil); err != nil { // the lock`, "TestReplacedWhileTheLockIsWaitedFor"),
		lite("a log that is gone is missed by nobody", "writer.go", `return errors.Join(errLogReplaced, err)`, `return nil`, "TestReplacedWhileOpen"),
		lite("a log that is another is missed by nobody", "writer.go", `inode != w.wal {`, `inode == "" {`, "TestReplacedWhileOpen"),
	}
}
