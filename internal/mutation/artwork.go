package main

// artwork breaks what finds the artwork that was made for a person, and what keeps that
// of open jobs.
func artwork() []Mutation {
	m := func(pkg, name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "artwork: " + name, File: file, Old: old, New: replacement, Package: pkg, Run: run}
	}
	const left = "TestEraseArtworkThatWasLeft"
	return []Mutation{
		m("./client", "what an amended job had is forgotten", "idempotency/machine_person.go", "\tt.r.keepNames()\n", "", left),
		m("./idempotency", "what a job had is forgotten with it", "idempotency/machine_erase.go", `switch r.keepNames(); {`, `switch {`, "TestNamesOfArtwork"),
		m("./idempotency", "names are added to what readers share", "idempotency/machine_erase.go",
			`t.Artwork = slices.DeleteFunc(slices.Clone(r.Artwork), gone)`, `t.Artwork = slices.DeleteFunc(r.Artwork, gone)`, "TestNamesOfArtwork"),
		m("./idempotency", "a tombstone knows nobody's contact", "idempotency/machine_erase.go",
			`	case r.Contact != "":
		r.ContactSum = `, `	case r.Contact != "" && r.Tombstone:
		r.ContactSum = `, "TestNamesOfArtwork"),
		m("./idempotency", "a tombstone without artwork knows its contact", "idempotency/machine_erase.go",
			`	case len(r.Artwork) == 0:`, `	case false:`, "TestNamesOfArtwork"),
		m("./client", "what is left of a contact's jobs is not looked for", "client/erase_run.go", `!slices.ContainsFunc(x.search, rec.HadContact)`, `true`, left),
		m("./client", "artwork that a record only names is passed over", "client/erase_artwork.go",
			`x.artwork = union(x.artwork, []postproof.Blob{b})`, `_ = b`, left),
		m("./client", "artwork that is gone is listed", "client/erase_artwork.go", `errors.Is(err, idempotency.ErrNotFound) {
			continue`, `errors.Is(err, idempotency.ErrNotFound) {
			err = idempotency.ErrCorrupt`, left),
		m("./client", "what an open job needs is deleted", "client/erase_artwork.go",
			`bytes.Contains(rec.Job, []byte(a.Digest))`, `rec.Erased() && bytes.Contains(rec.Job, []byte(a.Digest))`, left),
		m("./client", "artwork that an open job needs is deleted by its name", "client/erase_artwork.go",
			`bytes.Contains(rec.Job, []byte(a.Digest))`, `i < 0 && bytes.Contains(rec.Job, []byte(a.Digest))`, "TestEraseArtworkThatNoRecord"),
		m("./client", "what the erasure names is passed over", "client/erase_run.go", `x.artwork = union(x.artwork, x.e.Blobs)`, `_ = x`, "TestEraseArtworkThatNoRecord"),
		m("./client", "the names of what others share are taken out, too", "client/erase_artwork.go", `a.Outcome != ArtworkErased })`, `a.Outcome == "" })`, left),
		m("./client", "the names of what is gone stay", "client/erase_run.go", `x.eraseNames, `, ``, left),
		m("./client", "a job of a used key is stored", "client/submit.go",
			`rec.Fingerprint == idempotency.FingerprintOf(job))`, `rec.Fingerprint != "")`, "TestRejectedJob"),
		m("./client", "the artwork of an amendment that is refused is stored", "client/jobs.go", `c.planIf(ctx, &job, c.now(), c.amends)`,
			`c.planIf(ctx, &job, c.now(), func(context.Context, *postproof.Job) bool { return true })`, "TestRejectedJob"),
		m("./client", "the deletion is said only before it", "client/artwork_erased.go", `unread := x.announceArt(ctx)`, `unread := ctx.Err()`, "TestArtworkErasedWhile"),
	}
}
