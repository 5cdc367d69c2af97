// Package snapshot freezes a mailing list: rows are read from a source once,
// checked, and kept as an immutable set that is named by its content.
//
// [Take] reads a [Source], for example [CSV], and writes two lists: the rows
// that can be mailed, and the rows that cannot, each with its reasons. Both
// are frozen under an [ID], a SHA-256 over their canonical form. The same list
// taken twice has the same id, whatever the order of its columns, its line
// endings or the machine; another row, another order of the rows or another
// campaign is another id. The time at which it was taken and the name of the
// source stand in the [Manifest], not in the id.
//
// A [Store] keeps snapshots: [OpenFolder] in a directory, [NewMemory] in the
// process. [Open] verifies every byte against the digests in the manifest, and
// the iterators of a [Snapshot] verify each block again before they hand out a
// row of it.
//
// # Rules
//
// Errors reject a row, warnings do not. The first row of a contact id is the
// one that counts, even when it is rejected for another reason: a list that
// gives one id twice contradicts itself, and mailing either row could be the
// wrong one. Two contacts at one address are a warning.
//
//	missing            a required field is empty
//	not_utf8           a field is not UTF-8 (error)
//	control_character  a field holds a NUL, a line break or another control character
//	bad_state          not a US state, territory or military code
//	bad_postal_code    not a ZIP code
//	bad_country        not an ISO 3166 code of two letters
//	too_long           longer than any vendor takes, or than a key can hold
//	vendor_limit       a vendor takes no such value; the message names the vendor
//	duplicate_contact  the contact id stood in an earlier row, with the same address
//	contact_conflict   the contact id stood in an earlier row, with another address
//	duplicate_address  the address stood in an earlier row (warning)
//	field_count        the row has more or fewer fields than the header
//	invalid            any other reason why the address cannot be mailed
//
// # Errors
//
// Errors are of type [postproof.Error] and wrap [ErrNotFound] or [ErrCorrupt]
// where these apply. Neither they nor a [Finding] quote a value of the list:
// they name row and column.
//
// # Concurrency
//
// A Snapshot and the stores of this package are safe for concurrent use. A
// Source is read once, by one goroutine.
package snapshot
