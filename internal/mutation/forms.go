package main

// forms returns the ways to take one person for two, or two for one, by how a text
// of theirs is written.
func forms() []Mutation {
	sn := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: name, File: "snapshot/" + file, Old: old, New: replacement, Package: "./snapshot", Run: run}
	}
	return []Mutation{
		sn("forms: a row keeps its id in the form of its export", "draft_worker.go", `if all&classHigh != 0 && r.note`, `if all == 0 && r.note`, "TestOneContactInTwoForms"),
		sn("forms: a correction changes the id of a row that was frozen", "draft_worker.go",
			`all&classHigh != 0 && r.note&(noteTaken|noteRejected) == 0`, `all&classHigh != 0`, "TestFrozenRowKeepsItsForm"),
		sn("forms: a frozen row in another form is another contact", "draft_worker.go", `id := identity(r.ContactID)`, `id := r.ContactID`, "TestFrozenRowKeepsItsForm"),
		sn("forms: an invisible sign makes another contact", "forms.go", `composed(strings.TrimSpace(visible(id)))`, `composed(strings.TrimSpace(id))`, "TestOneContactInTwoForms"),
		sn("forms: a query is asked for one form alone", "suppress.go", `range ContactForms(contactID)`, `range []string{contactID}`, "TestSuppressorIsAskedForEachForm"),
		sn("forms: a query is not asked for what the source wrote", "draft_worker.go", `s.contains(w.ctx, w.given, key)`, `s.List.Contains(w.ctx, r.ContactID, key)`, "TestSuppressorIsAskedForEachForm"),
		sn("forms: case lets one who asked be mailed", "forms.go", `unicode.ToLower(unicode.ToUpper(r))`, `r`, "TestSuppressionInAnotherForm"),
		sn("forms: a dotless i lets one who asked be mailed", "forms.go", `unicode.ToLower(unicode.ToUpper(r))`, `unicode.ToLower(r)`, "TestSuppressionInAnotherForm"),
		sn("forms: case is disregarded where it tells people apart", "forms.go", `return small && capital && digit`, `return small && capital && digit && id == nil`, "TestSuppressionInAnotherForm"),
		sn("forms: a code typed in capitals lets one who asked be mailed", "forms.go",
			`|| [8]byte(l[8:]) == plain || [8]byte(o[8:]) == plain`, `&& plain == plain`, "TestSuppressionInAnotherForm"),
		sn("forms: wide digits let one who asked be mailed", "forms.go", `id = norm.NFKC.String(visible(id))`, `id = norm.NFC.String(visible(id))`, "TestSuppressionInAnotherForm"),
		sn("forms: dropped zeros let one who asked be mailed", "forms.go", `len(digits) > 1 && digits[0] == '0'`, `len(digits) > 1 && digits[0] == 0`, "TestSuppressionInAnotherForm"),
		sn("forms: an accent makes another place", "forms.go", `r >= 0x300 && r <= 0x36f`, `r == 0x300`, "TestKeyOfForms"),
		sn("forms: a printer's apostrophe makes another place", "forms.go", `strings.ContainsRune("’‘ʼʻʹ′´`, `strings.ContainsRune("´`, "TestKeyOfForms"),
		sn("forms: a segment leaves out another form", "predicate.go", `s.values[composed(v)] = true`, `s.values[v] = true`, "TestSourceKeepsItsValues"),
		sn("forms: an erasure passes over another form", "erase.go", `c = identity(strings.TrimSpace(c))`, `c = strings.TrimSpace(c)`, "TestErasureInAnotherForm"),
		sn("forms: a campaign has two names that look the same", "take.go", `composed(o.Campaign) != o.Campaign`, `o.Campaign == ""`, "TestCampaignIsComposed"),
		sn("forms: whom not to mail is read in another encoding", "suppress.go", `strings.ContainsRune(v, utf8.RuneError)`, `v == "?"`, "TestSuppressionThatMatchesNobody"),
		sn("forms: whom not to mail has a shortened number", "suppress.go", `i == 0 && shortened(v)`, `i < 0 && shortened(v)`, "TestSuppressionThatMatchesNobody"),
		sn("forms: whom not to mail lives nowhere", "suppress.go", `(a.Country != "US" || a.PostalCode != "")`, `(a.Country != "" || a.PostalCode != "")`, "TestSuppressionThatMatchesNobody"),
		sn("forms: whom not to mail lives in the UK", "suppress.go", `if !isCountry(a.Country) {`, `if len(a.Country) != 2 {`, "TestSuppressionAbroad"),
		sn("forms: a country by its name makes another place", "address_key.go", `!isCountry(a.Country) {`, `false {`, "TestSuppressionAbroad"),
		sn("forms: a territory is not the state of that name", "address_key.go", `case "US", "PR",`, `case "US",`, "TestSuppressionAbroad"),
		sn("forms: a postal code without its space makes another place", "address_key.go", `return c == ' ' })`, `return c == 0 })`, "TestSuppressionAbroad"),
		sn("forms: whom not to mail has lost zeros of a ZIP code", "suppress.go", `n == 3 || n == 4`, `n == 2`, "TestSuppressionThatMatchesNobody"),
		sn("forms: whom not to mail is a file without a header", "csv.go", `s.named && fields`, `!s.named && fields`, "TestSuppressionThatMatchesNobody"),
		sn("forms: an id that stands for many is mailed", "rules.go", `if shortened(r.ContactID) {`, `if false {`, "TestHygiene"),
		sn("forms: a spreadsheet makes a new contact of a double", "corrections.go", `strings.TrimLeft(was, "0") == id`, `false`, "TestCorrectionsThroughASpreadsheet"),
		sn("forms: a spreadsheet makes a new contact of a long number", "corrections.go", `len(was) > kept && was`, `len(was) < 0 && was`, "TestCorrectionsThroughASpreadsheet"),
		sn("forms: a correction asks no list again", "corrections.go", `range base.manifest.Suppressed {`, `range base.manifest.Suppressed[:0] {`, "TestCorrectionsAskTheListsAgain"),
		sn("forms: a list of another kind will do", "corrections.go", `return s.code() == code`, `return s.code() == code || true`, "TestCorrectionsAskTheListsAgain"),
		sn("forms: a correction mails a household twice", "corrections.go", `opts.OnePerAddress || base.manifest.OnePerAddress`, `opts.OnePerAddress`, "TestCorrectionsKeepOnePerAddress"),
		sn("forms: a row of long ago holds up a campaign", "suppress.go", `if !meant {
			continue`, `if !meant && row.ContactID == "9" {
			continue`, "TestOldRowsOfAHistoryMayBeDamaged"),
		sn("forms: a row with a day that nobody can read is passed over", "suppress.go", `meant, err := opts.meant(&row)
		if err != nil {
			return nil, err`, `meant, err := opts.meant(&row)
		if err != nil {
			continue`, "TestSuppressionErrors"),
		sn("forms: lists that name nobody are not of the snapshot", "manifest.go", `range m.Suppressed {
		fmt.Fprintf(h`, `range m.Suppressed[:0] {
		fmt.Fprintf(h`, "TestCorrectionsAreBoundByTheLaterTaking|TestManifestOfOtherContent"),
		sn("forms: one piece an address is not of the snapshot", "manifest.go", `if m.OnePerAddress {`, `if false {`, "TestManifestOfOtherContent"),
		sn("forms: the order of lists makes another snapshot", "take.go", `slices.Sort(m.Suppressed)`, `_ = m.Suppressed`, "TestCorrectionsAreBoundByTheLaterTaking"),
		sn("forms: what was erased comes back with a list that names nobody", "take.go", `m.siblings()...`, `m.ID`, "TestErase$"),
		sn("large: a row is kept that cannot be read back", "draft_worker.go", `if w.tooLarge(r) {`, `if false {`, "TestLargeRowsAreReadBack"),
		sn("large: quotes make a row larger than it looked", "draft_large.go", `case about <= mostLine/4:`, `case about <= mostLine:`, "TestLargeRowsAreReadBack"),
		sn("large: a rejected row is kept whole", "draft_worker.go", `size == 0 || size > mostLine {`, `size == 0 {`, "TestLargeRowsAreReadBack"),
		{
			Name: "forms: an erasure in the ledger passes over another form", File: "client/erase_run.go",
			Old: `range x.e.Contacts {
		x.search = append(x.search, snapshot.ContactForms(contact)...)`, New: `range x.e.Contacts {
		x.search = append(x.search, contact)`, Package: "./client", Run: "TestEraseInAnotherForm",
		},
	}
}
