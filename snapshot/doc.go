// Package snapshot freezes a mailing list: rows are read from a source once,
// checked, and kept as an immutable set that is named by its content.
//
// [Take] reads a [Source], for example [CSV], and writes two lists: the rows
// that can be mailed, and the rows that cannot, each with its reasons. Both
// are frozen under an [ID], a SHA-256 over their canonical form. The same list
// taken twice has the same id, whatever the order of its columns, its encoding,
// its line endings or the machine, and whether or not it is kept compressed;
// another row, another order of the rows or another campaign is another id. The
// time at which it was taken and the name of the source stand in the
// [Manifest], not in the id.
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
// Addresses are compared as [KeyOf] has them: without regard to case,
// punctuation and the abbreviations of USPS Publication 28. The required fields
// and the postal codes of other countries, and the ZIP codes of the states, are
// those of libaddressinput (CC BY 4.0). Nothing here knows whether an address
// exists: that takes a vendor's look-up.
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
