package main

// guarantees breaks promises of docs/guarantees.md below the client, each as the
// test sees it that the document names for it.
func guarantees() []Mutation {
	return []Mutation{
		{
			Name: "guarantees: the last byte of a callback's body is not signed", File: "vendors/signature/mac.go",
			Old: `c.hash.Write(m.body)`, New: `c.hash.Write(m.body[:max(len(m.body)-1, 0)])`,
			Package: "./vendors/signature", Run: "TestEveryBitCounts",
		},
		{
			Name: "guarantees: the search for the secret ends with the one that matches", File: "vendors/signature/mac.go",
			Old: `if cap(c.head) <= maxPooledHead {`, New: "if matches == 1 {\n\t\t\tbreak\n\t\t}\n\t\tif cap(c.head) <= maxPooledHead {",
			Package: "./vendors/signature", Run: "TestEverySecretIsTried",
		},
		{
			Name: "guarantees: only the first secret is tried", File: "vendors/signature/mac.go",
			Old: `for _, k := range r.keys {`, New: `for _, k := range r.keys[:min(len(r.keys), 1)] {`,
			Package: "./vendors/signature", Run: "TestEverySecretIsTried|TestRotation",
		},
		{
			Name: "guarantees: only the first token is tried", File: "vendors/signature/token.go",
			Old: `for i := range *t.digests {`, New: `for i := range (*t.digests)[:1] {`,
			Package: "./vendors/signature", Run: "TestRotation",
		},
		{
			Name: "guarantees: a callback from the future is taken", File: "vendors/signature/timestamp.go",
			Old: `case age < -tolerance:`, New: `case false:`,
			Package: "./vendors/signature", Run: "TestToleranceBothWays",
		},
		{
			Name: "guarantees: a callback that is too old is taken", File: "vendors/signature/timestamp.go",
			Old: `case age > tolerance:`, New: `case age > 2*tolerance:`,
			Package: "./vendors/signature", Run: "TestToleranceBothWays",
		},
		{
			Name: "guarantees: PCM's list that has shifted is taken for complete", File: "vendors/pcm/find.go",
			Old: `unclear = unclear || (n > 1 && p.total != total)`, New: `unclear = unclear || (n > 1 && p.total < 0)`,
			Package: "./vendors/pcm", Run: "TestFindIsNotComplete",
		},
		{
			Name: "guarantees: PCM's list of fewer than it counts is taken for complete", File: "vendors/pcm/find.go",
			Old: `found.Complete = len(seen) == total && !unclear`, New: `found.Complete = !unclear`,
			Package: "./vendors/pcm", Run: "TestFindIsNotComplete",
		},
		{
			Name: "guarantees: PostGrid's list that has shifted is taken for complete", File: "vendors/postgrid/find.go",
			Old: `if n > 0 && count != total {`, New: `if n > 0 && count < 0 {`,
			Package: "./vendors/postgrid", Run: "TestFindIsNotComplete",
		},
		{
			Name: "guarantees: PostGrid's piece without a reference is taken for another's", File: "vendors/postgrid/find.go",
			Old: "its\n\t\t\t\t// places: whose order this is cannot be told.\n\t\t\t\tfound.Complete = false", New: "its\n\t\t\t\t// places: whose order this is cannot be told.",
			Package: "./vendors/postgrid", Run: "TestFindIsNotComplete",
		},
		{
			Name: "guarantees: Lob's delivery of ordinary mail is taken for a scan at the door", File: "vendors/lob/status.go",
			Old: `if s.Stage == postproof.StageDelivered && !e.certified {`, New: `if s.Stage == "" {`,
			Package: "./vendors/lob", Run: "TestProofOfDelivery",
		},
		{
			Name: "guarantees: the verdict is made while the attempt may still write", File: "retry/attempt.go",
			Old: "counted as not sent.\n\t\ta.end()", New: "counted as not sent.",
			Package: "./retry", Run: "TestTheVerdictComesAfterTheEnd",
		},
		{
			Name: "guarantees: a write that is under way is no send", File: "retry/attempt.go",
			Old: `a.written || a.foreign || a.inFlight > 0`, New: `a.written || a.foreign`,
			Package: "./retry", Run: "TestGivingUpWhileTheTransportWrites",
		},
		{
			Name: "guarantees: the error of a transport is quoted", File: "retry/error.go",
			Old: `text: fmt.Sprintf("exchange failed (%T)", err)`, New: `text: "exchange failed: " + err.Error()`,
			Package: "./retry", Run: "TestNoSecretsInErrors",
		},
		{
			Name: "guarantees: corrections ask for taken rows again whether they may be mailed", File: "snapshot/corrections.go",
			Old: `row.Row.note = noteTaken`, New: `_ = noteTaken`,
			Package: "./snapshot", Run: "TestCorrectionsMakeNewKeysOnly",
		},
		{
			Name: "guarantees: a changed byte of a frozen list is not noticed", File: "snapshot/block.go",
			Old: `hex.EncodeToString(sum[:]) != r.file.Blocks[r.next]`, New: `hex.EncodeToString(sum[:]) == ""`,
			Package: "./snapshot", Run: "TestEveryChangedByteIsFound",
		},
		{
			Name: "guarantees: a draft that failed is left on the disk", File: "snapshot/folder.go",
			Old: `return d.store.fs.removeAll(d.dir)`, New: `return nil`,
			Package: "./snapshot", Run: "TestFailureLeavesNothing/in_memory,_crash_false",
		},
		{
			Name: "guarantees: a finding quotes what it suggests", File: "snapshot/finding.go",
			Old: `f.Severity, f.Code, f.Column, f.Message)`, New: `f.Severity, f.Code, f.Column, f.Message+f.Suggestion)`,
			Package: "./snapshot", Run: "TestFindingsDoNotQuote",
		},
		{
			Name: "guarantees: the list of an interrupted erasure stays", File: "snapshot/erase.go",
			Old: `range old.manifest.Replaces {`, New: `range old.manifest.Replaces[:0] {`,
			Package: "./snapshot", Run: "TestErasureIsFinishedByTheNext",
		},
		{
			Name: "guarantees: a record of a newer version is changed", File: "idempotency/machine.go",
			Old: "if r.Version > RecordVersion || !r.State.Known() {\n\t\treturn Change{}", New: "if !r.State.Known() {\n\t\treturn Change{}",
			Package: "./idempotency", Run: "TestNewerRecordsAreLeftAlone",
		},
		{
			Name: "guarantees: the checksum of a record is not looked at", File: "idempotency/internal/codec/wire.go",
			Old: `binary.LittleEndian.Uint32(data[1:]) != sum(id, data[headSize:])`, New: `len(id) > 1<<10`,
			Package: "./idempotency/internal/codec", Run: "TestDamageIsSeen",
		},
		{
			Name: "guarantees: a damaged database is an outage", File: "idempotency/sqlite/errors.go",
			Old: `case says(err, "disk image is malformed"):`, New: `case says(err, "disk image is well"):`,
			Package: "./idempotency/sqlite", Run: "TestDamagedFile/a_page_in_the_midst",
		},
		{
			Name: "guarantees: a copy keeps the namespace of its original", File: "idempotency/sqlite/epoch.go",
			Old: `THEN namespace ELSE ?1 END WHERE epoch = ?2`, New: `THEN namespace ELSE namespace END WHERE epoch = ?2`,
			Package: "./idempotency/sqlite", Run: "TestNewNamespaceForACopy",
		},
		{
			Name: "guarantees: a database of a newer schema is opened", File: "idempotency/sqlite/schema.go",
			Old: "case version > schemaVersion:", New: "case false:",
			Package: "./idempotency/sqlite", Run: "TestNewerSchema",
		},
		{
			Name: "guarantees: a backup over the file is not noticed", File: "idempotency/sqlite/epoch.go",
			Old: `case h.session < m.Session || h.commits < m.Commits:`, New: `case h.session < m.Session-1000:`,
			Package: "./idempotency/sqlite", Run: "TestRestoreIsNoticed/an_older_copy_over_the_file",
		},
		{
			Name: "guarantees: a marker that was removed on purpose is not missed", File: "idempotency/sqlite/epoch.go",
			Old: `case !found && h.session == 0:`, New: `case !found:`,
			Package: "./idempotency/sqlite", Run: "TestSnapshotOfTheWholeDisk",
		},
		{
			Name: "guarantees: a yes is enough for second pieces", File: "client/operator/confirm.go",
			Old: `if in.Twice > 0 {`, New: `if in.Twice > in.Jobs {`,
			Package: "./client/operator", Run: "TestSecondPiecesTakeTheNumber",
		},
	}
}
