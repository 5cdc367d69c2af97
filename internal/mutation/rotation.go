package main

// rotation breaks what package client promises while a vendor's key is rotated: that
// the account stays the same one, and that nobody is left without word where it is not.
func rotation() []Mutation {
	const account = "client/account.go"
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "rotation: " + name, File: file, Old: old, New: replacement, Package: "./client", Run: run}
	}
	return []Mutation{
		m("a former name is another account", account,
			` || slices.Contains(v.config.FormerAccounts, fingerprint))`, `)`, "TestRotationWhile|TestRotationProves|TestRotationAcross"),
		m("any account is the same", account,
			`return v != nil && (fingerprint == `, `return v != nil && (fingerprint != "" || fingerprint == `, "TestRotationOfAnother|TestCredentialsOfAnotherAccount"),
		m("the vendor key follows the present name", "client/work.go",
			`w.accountOf(v, generation)`, `v.account.Fingerprint`, "TestRotationWhileUnknown|TestRotationKeeps"),
		m("an intent is of the present name", "client/send.go",
			`Account: w.accountOf(v, w.rec.Generation)`, `Account: v.account.Fingerprint`, "TestRotationWhileUnknown|TestRotationKeeps"),
		m("what goes out with the present key is of the former name", account,
			`if s.Fate == "" && s.Dead() && v.caps`, `if s.Fate == "" && false && v.caps`, "TestRotationThatIsTakenBack"),
		m("a control piece of a former name does not count", "client/control.go",
			`!sameAccount(v, s.Account) ||`, `s.Account != v.account.Fingerprint ||`, "TestRotationProves"),
		m("pieces of another account are passed over silently", "client/unasked.go",
			"\t\tc.meetOther(ctx, v, sub.Account)\n", "", "TestPiecesOfAnother"),
		m("it is said again and again", account,
			"\t\tif fresh {\n", "\t\tif fresh || true {\n", "TestPiecesOfAnother"),
		m("the ledger does not tell of them", account,
			"\t\t\tc.tellPieces(otherAccountName(v.name, name), TroubleOtherAccount, a.Pieces, a.Since)\n", "", "TestPiecesOfAnother"),
		m("it is not taken back", "client/hints.go",
			`(said.Reason == TroubleOtherAccount || `, `(`, "TestPiecesOfAnother"),
		m("they end without a reason", account,
			"\t\treturn cmp.Or(c.otherAccountOf(rec), c.unprovenOf(rec))\n", "\t\treturn cmp.Or(\"\")\n", "TestPiecesOfAnother"),
		m("two names do not share the rate", "client/hint.go",
			"\tfor _, former := range v.config.FormerAccounts {\n", "\tfor _, former := range v.config.FormerAccounts[:0] {\n", "TestRotationShares"),
		m("a key is taken for a fingerprint", account,
			`len(name) != 16 || !isHex(name)`, `name == ""`, "TestFormerAccounts"),
		m("a key that came with other credentials is trusted", "client/send.go",
			`name != v.account.Fingerprint || sentByOthers`, `name == "" || sentByOthers`, "TestRotationDoesNotTrust"),
		m("what others sent under the present name is sent again", "client/send.go",
			` || sentByOthers(v, sub)`, ` || sentByOthers(v, sub) && false`, "TestRotationThatIsTakenBack"),
		m("nobody is told why it is not sent again", account,
			"\t\t\treturn underFormer(s.Account)\n", "\t\t\treturn \"\"\n", "TestRotationDoesNotTrust"),
		m("an id of another account is believed", "client/reconcile.go",
			`if err == nil && byID && order`, `if err == nil && byID && false && order`, "TestFormerAccountThatIsAnother"),
		m("what has an id of another account is canceled", "client/reconcile.go",
			`(name != "" && err != nil) {`, `false {`, "TestFormerAccountThatIsAnother"),
		m("a wish that another account cannot grant is given up", "client/reconcile.go",
			"\t\t\tev.Unasked = unproven(v, name)\n", "\t\t\tev.RetryAfter = 0\n", "TestFormerAccountThatIsAnother"),
		m("a reference under an id proves nothing", "client/former.go",
			"\t\tv.sighted(sub, w.rec.Mode, []*vendors.Order{o})\n\t\treturn o.Receipt.Ref == sub.Ref", "\t\treturn false", "TestFormerAccountIsProven|TestRotationWhileAccepted"),
		m("an id without a reference is never believed", "client/former.go",
			"\t\tif !ok {\n\t\t\treturn false, false\n", "\t\tif !ok || true {\n\t\t\treturn false, false\n", "TestFormerAccountIsProven"),
		m("a list of the undeliverable is read from the beginning again", "client/undeliverable.go",
			`state.Done = c.importedBefore(ctx, v)`, `_ = c.importedBefore`, "TestImportGoesOnAfterARotation"),
		{
			Name: "rotation: what was stored before is read by nobody", File: "client/callback/event.go",
			Old: `accountKey{vendor, r.in.Account(vendor, fingerprint)}`, New: `accountKey{vendor, fingerprint}`,
			Package: "./client/callback", Run: "TestStoredBeforeARotation",
		},
	}
}
