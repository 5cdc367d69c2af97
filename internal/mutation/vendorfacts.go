package main

// vendorFacts breaks what a vendor's documentation says, in the adapters, and in the
// simulators that must refuse what the vendor would.
func vendorFacts() []Mutation {
	m := func(name, pkg, file, old, replacement, run string) Mutation {
		return Mutation{Name: "vendor fact: " + name, File: pkg + "/" + file, Old: old, New: replacement, Package: "./" + pkg, Run: run}
	}
	const lob, postgrid, sim = "vendors/lob", "vendors/postgrid", "vendors/vendorsim"
	return []Mutation{
		m("an event that does not say so is no callback", postgrid, "callback.go", `return dotted && resource != ""`, `return dotted && resource == ""`, "TestBareEvent"),
		m("an order is what its id says, whatever else says otherwise", postgrid, "object.go",
			`if !ok || name != p.object {`, `if !ok {`, "TestBareEvent|TestNothingIsAccepted"),
		m("a missing permission is a wrong key", postgrid, "judge.go",
			`e.VendorCode == "permission_missing_error"`, `false`, "TestMissingPermissionIsNoWrongKey"),
		m("a letter is printed on any sheet", postgrid, "encode.go",
			`job.Piece.Sheet().Same(SizeA4()) != printsA4(job.To.CountryCode())`, `false`, "TestEncodeRefuses"),
		m("the scans of a self-mailer prove its delivery", lob, "status.go",
			`latest.certified && isCertified(piece)`, `latest.certified`, "TestStatus"),
		m("a scan is known by its letters' case", lob, "status.go",
			`if strings.EqualFold(name, of.name) {`, `if name == of.name {`, "TestStatus"),
		m("without a use type every piece is refused for good", lob, "judge.go",
			"\t\te.Code = postproof.CodePermissionDenied\n\t\te.Err = errors.New(\"set lob.WithUseType", "\t\te.Err = errors.New(\"set lob.WithUseType", "TestEveryDocumentedCode"),
		m("an old version of the API is every piece's fault", lob, "judge.go",
			"\t\te.Code = postproof.CodePermissionDenied\n\t\te.Err = errors.New(\"set lob.WithVersion", "\t\te.Err = errors.New(\"set lob.WithVersion", "TestEveryDocumentedCode"),
		m("abroad a city is an address", lob, "encode.go",
			`case job.To.PostalCode == "" && job.To.Region == "":`, `case false:`, "TestEncodeRefuses"),
		m("Lob sends certified mail abroad", sim, "lob_validate.go",
			`case d.To.Country != lobUnitedStates && d.ExtraService != "registered":`, `case false:`, "TestLobCombinations"),
		m("Lob takes a size from before its version", sim, "lob_validate.go",
			`c.version != "" && c.version < "2024-01-01"`, `false`, "TestLobVersions"),
		m("Lob ignores a filter that its library sends", sim, "lob_list.go",
			`case strings.HasPrefix(v, "{") && json.Unmarshal([]byte(v), &object) == nil:`, `case object != nil:`, "TestLobFilters"),
		m("PostGrid's search knows one form", sim, "postgrid_list.go", `if strings.HasPrefix(text, "{") {`, `if false {`, "TestPostGridSearchAndPages"),
		m("PCM takes any text for artwork", sim, "pcm_request.go", `if !pcmArt(q.Front) || !pcmArt(q.Back) {`, `if false {`, "TestPCMValidation"),
	}
}
