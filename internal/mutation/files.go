package main

// files breaks how a store sees that its file is held, gone or another.
func files() []Mutation {
	writes := func(name, old, replacement, run string) Mutation {
		return Mutation{
			Name: "files: " + name, File: "idempotency/sqlite/writer.go", Old: old, New: replacement, Package: "./idempotency/sqlite", Run: run,
		}
	}
	return []Mutation{
		writes("a lock that is not to be had is waited for by each anew", `	if err := w.begin(ctx); err != nil {
		return true, err
	}
	b := w.batch`, `	if err := w.begin(ctx); err != nil {
		return false, err
	}
	b := w.batch`, "TestManyWaitForTheLockOnce"),
		writes("a file is replaced while the lock is waited for",
			`if err := w.stillThere(); err != nil { // the lock`, `if err := error(nil); err != nil { // the lock`, "TestReplacedWhileTheLockIsWaitedFor"),
		writes("a log that is gone is missed by nobody", `return errors.Join(errLogReplaced, err)`, `return nil`, "TestReplacedWhileOpen"),
		writes("a log that is another is missed by nobody", `inode != w.wal {`, `inode == "" {`, "TestReplacedWhileOpen"),
	}
}
