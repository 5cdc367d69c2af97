package main

// outside breaks what the suite for adapters asks of who writes one elsewhere.
func outside() []Mutation {
	const suite = "vendors/vendortest"
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "outside: " + name, File: suite + "/" + file, Old: old, New: replacement, Package: "./" + suite, Run: run}
	}
	of := func(check string) string { return "TestEveryCheckCanFail/" + check + "/" }
	h := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "outside: " + name, File: "vendors/" + file, Old: old, New: replacement, Package: "./vendors", Run: run}
	}
	return []Mutation{
		m("a key may be said to protect for ever", "check_window.go", `r.Simulator.Advance(wait)
	again, err`, `again, err`, of("Window")+"a_key"),
		m("a cancellation is tried at once", "check_window.go", `r.Simulator.Advance(wait)
	if err := vendors.Cancel`, `if err := vendors.Cancel`, of("Window")+"a_cancellation"),
		m("an acceptance may be in any zone", "check_window.go", `off.Abs() > room`, `off.Abs() > 100*room`, of("Submit")+"the_acceptance"),
		m("send dates may be declared and refused", "check_window.go", `if _, err := r.Adapter.Encode(b.ctx, s); b.see(err) != nil {
			b.problemf("Cancel.Sch`, `if _, err := r.Adapter.Encode(b.ctx, s); b.see(err) != nil {
			return
			b.problemf("Cancel.Sch`, of("Window")+"send_dates"),
		m("old orders may be absent", "check_look_up.go", `r.Simulator.Advance(400 * 24 * time.Hour)`, `r.Simulator.Advance(time.Hour)`, of("FindAged")+"the_orders"),
		m("a list may be read for ever", "check_list.go", `_ = listAll(b, r, time.Time{}, nil); return false`, `return false`, of("List")+"a_circle"),
		m("a pointer may be a postal code", "suite.go", `text = pointers.ReplaceAllString(text, "")`, ``, "TestLeak"),
		m("what cannot be read may be left out", "check_damaged.go", `len(found.Orders) == 0 && found.Complete {`, `found == nil {`, of("FindDamaged")),
		m("the vendor's own message may be quoted", "check_data.go", `r.ownEchoes()...)`, `r.ownEchoes()[:0]...)`, of("Silence")+"the_vendor's"),
		m("a body may open once", "check_submit.go", `err != nil || !bytes.Equal(again, sent.Body)`, `err != nil && len(again) < 0`, of("Requests")+"a_body"),
		m("a page that fails may be the last", "check_look_up.go", `found.Complete && len(found.Orders) < total`, `false`, of("FindPages")+"a_page"),
		m("an echo may be the content", "check_look_up.go", `order.Facts.Content == r.encode(ours).Content {`, `false {`, of("SubmitForeign")+"the_content"),
		m("a no to a job may stop the vendor", "check_foreign.go", `slices.Contains(blamed, code)`, `slices.Contains(blamed[:0], code)`, of("ForeignSubmit")+"a_no"),
		m("letters may be asked for elsewhere", "check_kinds.go", `b.see(err) != nil || done[kind] {`, `b.see(err) != nil || len(done) > 0 {`, of("Kinds")+"letters_are_asked"),
		m("a comparison may be said that is none", "check_submit.go", `if err == nil && id.BodyCompared {`, `if false {`, of("Repeat")+"a_comparison"),
		m("a key of bytes is a broken one", "check_submit.go", `if err == nil && n == 2 &&`, `if false && n == 2 &&`, "TestKeyOfBytes"),
		m("what is refused is not left out", "fit.go", `if f.less&(1<<i) != 0 {`, `if false && f.less&(1<<i) != 0 {`, "TestWhatAVendorDoesNotPrint"),
		m("one of several events may be all", "check_batch.go", `len(notices) != len(orders) {`, `false {`, of("CallbackBatch")+"only"),
		m("the time of reading may be an event's", "check_notice.go", `!reflect.DeepEqual(again, notices)`, `len(again) < 0 && !reflect.DeepEqual(again, again)`, of("CallbackParse")+"the_time_is_that"),
		m("an id may be longer than one", "check_read.go", `[]string{"/../x", "?a=b", "#a"}`, `[]string{}`, of("Get")+"what_follows"),
		m("a list's days may be the caller's", "check_list.go", `[]int{14, 0, -12}`, `[]int{0}`, of("List")+"a_day"),
		m("a country may be sent as it was typed", "check_whole.go", `err == nil && !bytes.Equal(contentOf(b, body), contentOf(b, plain))`, `err == nil && body == nil && plain == nil`, of("EncodeWhole")+"the_country_is"),
		h("the marks alone are a word", "word.go", `if !plain {`, `if !plain && false {`, "TestWord"),
		h("a look-up is as old as its last answer", "word.go", `(!t.IsZero() && t.Before(f.VendorTime))`, `!t.IsZero()`, "TestAnswered"),
	}
}
