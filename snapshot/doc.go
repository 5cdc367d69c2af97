// Package snapshot freezes a mailing list: rows are read from a source once,
// checked, and kept as an immutable set that is named by its content.
//
// [Take] reads a [Source], for example [CSV], and writes two lists: the rows
// that can be mailed, and the rows that cannot, each with its reasons. Both
// are frozen under an [ID], a SHA-256 over their canonical form. The same list
// taken twice has the same id, whatever the order of its columns, its encoding,
// its line endings or the machine, and whether or not it is kept compressed;
// another row, another order of the rows or another campaign is another id, and so
// is another kind of list of whom not to mail, or one piece an address. The
// time at which it was taken and the name of the source stand in the
// [Manifest], not in the id.
//
//	folder, err := snapshot.OpenFolder("lists")
//	...
//	snap, err := snapshot.Take(ctx, snapshot.CSV(file, snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: folder})
//	...
//	fmt.Printf("%+v\n", snap.Counts())             // accepted, rejected, warned
//	for reject, err := range snap.Rejects(ctx) { // what cannot be mailed, with the reasons
//	...
//	jobs := client.Jobs(ctx, snap, drop) // what is accepted, for Enqueue of package client
//
// A [Store] keeps snapshots: [OpenFolder] in a directory, [NewMemory] in the
// process; package snapshottest is the suite for others. [Open] verifies every
// byte against the digests in the manifest, and the iterators of a [Snapshot]
// verify each block again before they hand out a row of it.
//
// # Around a snapshot
//
// [Options.Segment] takes some of a list's rows, by a [Predicate] on their
// columns. [Options.Suppress] leaves out whom not to mail. [TakeCorrections]
// takes a snapshot again after a person has edited its rejects.csv, [Diff]
// compares two, and [Export] puts one into a zip file, which [OpenExport] reads.
// [Erase] has snapshots replaced by others without the rows of a person.
//
// # Rules
//
// Errors reject a row, warnings do not. The first row of a contact id is the
// one that counts, even when it is rejected for another reason: a list that
// gives one id twice contradicts itself, and mailing either row could be the
// wrong one. Two contacts at one address are a warning, unless
// [Options.OnePerAddress] makes them an error. Where a corrected value suggests
// itself, it stands in rejects.csv beside the reason.
//
//	missing                a required field is empty
//	not_utf8               a field is not UTF-8, or a character was lost in it
//	recoded                the row was not UTF-8 and was read as stated (warning)
//	composed               the contact id was not in Unicode's composed form (warning)
//	shortened              the contact id is a number that a spreadsheet shortened ("1.2E+15")
//	control_character      a field holds a NUL, a line break or another control character
//	unprintable            an emoji, an invisible sign, or another that printers cannot set
//	other_script           letters that are not Latin (warning)
//	formula                the field begins as a spreadsheet's formula does (warning)
//	placeholder            "test", "n/a", "first name" and the like; in a second line, or in a
//	                       company beside a name, a warning
//	bad_state              not a US state, territory or military code
//	bad_postal_code        not a postal code of the country
//	postal_code_elsewhere  not a ZIP code of the state (warning)
//	bad_country            not an ISO 3166 code of two letters
//	military               APO, FPO or DPO without AA, AE or AP, or the other way round (warning)
//	po_box                 a PO box, when a private carrier delivers (warning)
//	po_box_and_street      a PO box and a street in one address (warning)
//	too_long               longer than any vendor takes, or than a key can hold
//	vendor_limit           a vendor takes no such value; the message names the vendor
//	duplicate_contact      the contact id stood in an earlier row, with the same address
//	contact_conflict       the contact id stood in an earlier row, with another address
//	duplicate_address      the address stood in an earlier row (warning)
//	field_count            the row has more or fewer fields than the header
//	bad_number, bad_date   the segment cannot be decided
//	do_not_mail            on a suppression list
//	mailed_recently        on a list of those who got mail
//	invalid                any other reason why the address cannot be mailed
//
// Addresses are compared as [KeyOf] has them: without regard to case, accents,
// punctuation and the abbreviations of USPS Publication 28. The required fields
// and the postal codes of other countries, and the ZIP codes of the states, are
// those of libaddressinput (CC BY 4.0). Nothing here knows whether an address
// exists: that takes a vendor's look-up.
//
// # Texts of people
//
// One text can be written in several ways that look the same. A row is kept, and
// its segment decided, in Unicode's composed form (NFC), and so is the contact id,
// of which the keys of jobs are made: the same person exported from another system
// has the same key. Where that changed an id, a warning says so. A snapshot that
// was frozen before stays as it is, and so do the keys of its jobs.
//
// Two rows are one contact when their ids are the same in that form. Letters' case
// counts, because there are systems whose ids differ in nothing else, and so does
// the width of digits: to take two people for one loses a piece, and where both
// stand at one address duplicate_address warns. Invisible signs (soft hyphens, joiners,
// byte order marks, direction marks) do not count, and reject the row. Spaces at
// both ends are taken off, no-break spaces among them.
//
// Whom not to mail is compared in doubt for the one who asked. A [SuppressionList]
// disregards, in a contact id, invisible signs, the width of characters, kinds of
// spaces, the zeros before a number and the ".0" behind it, and case: a sharp s is two
// s, a dotless i is an i. Case counts only between two ids that both mix small
// letters, capitals and digits, as those of Salesforce do. Other lists
// ([Suppressor]) are asked for each form that [ContactForms] returns.
//
// # Errors
//
// Errors are of type [postproof.Error] and wrap [ErrNotFound] or [ErrCorrupt]
// where these apply. Neither they nor a [Finding]'s text quote a value of the
// list: they name row and column.
//
// # Concurrency
//
// A Snapshot and the stores of this package are safe for concurrent use. A
// Source is read once, by the goroutine that calls Take; its rows are checked on
// several others.
package snapshot
