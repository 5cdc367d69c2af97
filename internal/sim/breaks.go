package main

import (
	"cmp"
	"slices"
	"strings"
)

// Break takes a rule out of the library.
type Break struct {
	// Name is what -break takes.
	Name string
	// Rule is the number of the rule; 0 for a finer point.
	Rule int
	// What says in words what is broken.
	What string
	// Edits are made to the source before it is compiled.
	Edits []Edit
}

// Edit is a change of one file of the library: Old stands in it exactly once.
type Edit struct{ File, Old, New string }

// breaks returns all of them, by rule, the finer points last.
func breaks() []Break {
	all := slices.Concat(ruleBreaks(), lateRuleBreaks(), fineBreaks(), personBreaks())
	slices.SortStableFunc(all, func(a, b Break) int {
		order := func(x Break) int { return cmp.Or(x.Rule, 99) }
		return order(a) - order(b)
	})
	return all
}

// breakNamed returns the break of that name, or the first of the rule of that
// number.
func breakNamed(name string) (Break, bool) {
	for _, b := range breaks() {
		if b.Name == name || strings.HasPrefix(b.Name, "rule-"+name+"-") {
			return b, true
		}
	}
	return Break{}, false
}

const (
	machineSend      = "idempotency/machine_send.go"
	machineAnswer    = "idempotency/machine_answer.go"
	machineReconcile = "idempotency/machine_reconcile.go"
	machinePerson    = "idempotency/machine_person.go"
	memoryStore      = "idempotency/memory.go"
)

// ruleBreaks are those of the rules 1 to 8.
func ruleBreaks() []Break {
	return []Break{
		{"rule-1-intent", 1, "an intent is not durable before the first byte", []Edit{{
			"client/work.go", "\tchanges[0] = ch\n",
			"\tchanges[0] = ch\n\tif ch.Record.State == idempotency.Sending {\n\t\tw.rec, w.fresh = ch.Record, false\n\t\treturn nil\n\t}\n",
		}}},
		{"rule-2-one-holder", 2, "an unknown outcome counts as a refusal: another vendor gets the job", []Edit{{
			"client/answer.go", "ans.Delivery = min(k.join.Join(postproof.DeliveryOf(err)), postproof.Unknown)", "ans.Delivery = postproof.Refused",
		}}},
		{"rule-2-join", 2, "the outcome of the last send counts, not the join over all", []Edit{{
			"retry/attempt.go", "c.join = c.join.Join(record.Delivery)", "c.join = record.Delivery",
		}, {
			machineAnswer, "s.Join = s.Join.Join(ev.Delivery) // rule 2", "s.Join = ev.Delivery // rule 2",
		}}},
		{"rule-3-key-window", 3, "a key is used after its window", []Edit{
			{"capabilities.go", "return now.Before(i.Until(first))", "return true"},
			{machineSend, "earlier(c.Idempotency.Until(s.FirstAt))", "_ = c"},
		}},
		{"rule-3-margin", 3, "no margin is taken off the window of a key", []Edit{{
			"capabilities.go", "return first.Add(i.Window - i.Margin)", "return first.Add(i.Window)",
		}}},
		{"rule-3-same-bytes", 3, "other bytes go out under the same key", []Edit{
			{"client/send.go", "case err != nil, s.Ref != sub.Ref, body.Digest() != sub.Digest, body.Encoder != sub.Encoder, v.keyOf(s) != sub.VendorKey:", "case err != nil:"},
			{machineSend, "case s.NoResend || s.Digest != ev.Digest || s.Encoder != ev.Encoder:", "case s.NoResend:"},
		}},
		{"rule-3-repeat", 3, "an unknown outcome is repeated at a vendor that honors no key", []Edit{{
			"retry/call.go", "return c.class == postproof.RepeatSafe || c.class == postproof.RepeatKeyed", "return true",
		}}},
		{"rule-4-expiry", 4, "a lease that runs out leads to another send", []Edit{{
			machineAnswer,
			"s.Join = s.Join.Join(postproof.Unknown)\n\tif t.elsewhere(s) {\n\t\treturn nil\n\t}\n\tt.enter(Unknown)\n\tt.noteSub(EntryLeaseExpired",
			"s.Join = postproof.NotSent\n\tt.enter(Planned)\n\tt.noteSub(EntryLeaseExpired",
		}}},
		{"rule-5-fence", 5, "the store does not check the fence", []Edit{{
			memoryStore, "case old.Fence != c.Expect:", "case false:",
		}}},
		{"rule-6-not-after", 6, "a stalled sender sends after its lease", []Edit{{
			"retry/call.go", "return (!r.NotAfter.IsZero() && !now.Before(r.NotAfter)) || (!r.StaleAt.IsZero() && !time.Now().Before(r.StaleAt))", "return now.IsZero() && r.NotAfter.Before(now)",
		}}},
		{"rule-7-reference", 7, "two generations have the same reference", []Edit{{
			"idempotency/namespace.go", `scratch.mac("ref", string(mode), string(key)).number(generation)`, `scratch.mac("ref", string(mode), string(key)).number(1)`,
		}}},
		{"rule-7-vendor-key", 7, "two generations have the same key at a vendor", []Edit{{
			"idempotency/namespace.go", `scratch.mac("vendor key", string(mode), vendor, account, string(key)).number(generation)`, `scratch.mac("vendor key", string(mode), vendor, account, string(key)).number(1)`,
		}}},
		{"rule-7-dead", 7, "a dead piece counts as accepted", []Edit{{
			machineReconcile, "if !o.Alive {\n\t\treturn t.dead(s, o)", "if false {\n\t\treturn t.dead(s, o)",
		}}},
		{"rule-7-key-reuse", 7, "a key is used for another piece without an error", []Edit{{
			"client/submit.go", "rec.Fingerprint != fp {", "rec.Fingerprint == \"\" && fp != \"\" {",
		}}},
		{"rule-8-count", 8, "one send is counted where several went out", []Edit{{
			machineAnswer, "s.Sends += ev.Sends\n", "s.Sends++\n",
		}}},
	}
}

// lateRuleBreaks are those of the rules 9 to 14.
func lateRuleBreaks() []Break {
	return []Break{
		{"rule-9-deadline", 9, "a state that is not final has no deadline", []Edit{{
			"idempotency/next.go", "if r.State.Workable() && !r.Deadline.IsZero() && !now.Before(r.Deadline) && !r.Status.Stage.Terminal() {", "if false {",
		}}},
		{"rule-9-silence", 9, "a job is held, and nobody is told", []Edit{{
			machinePerson, "\tt.note(EntryHeld, string(reason))\n", "",
		}}},
		{"rule-10-tombstones", 10, "what is pruned is forgotten", []Edit{{
			memoryStore, "\t\t\tm.put(slot.Bury())\n",
			"\t\t\tfor ref, owner := range m.refs {\n\t\t\t\tif owner == slot {\n\t\t\t\t\tdelete(m.refs, ref)\n\t\t\t\t}\n\t\t\t}\n" +
				"\t\t\tdelete(m.records, slot.ID)\n\t\t\tm.ids, m.sorted = slices.DeleteFunc(m.ids, func(id ID) bool { return id == slot.ID }), 0\n",
		}}},
		{"rule-11-time", 11, "time runs back", []Edit{
			{"client/now.go", "\tlocal := t.clock.Now()\n\tpassed := ", "\tlocal := t.clock.Now()\n\tif !local.IsZero() {\n\t\treturn local\n\t}\n\tpassed := "},
			{"idempotency/machine.go", "if now.Before(r.UpdatedAt) {", "if false {"},
		}},
		{"rule-12-epoch", 12, "a changed epoch stops nothing", []Edit{{
			"idempotency/store.go", "return i.Epoch != i.Recovered }", "return i.Epoch == \"\" }",
		}}},
		{"rule-12-doubt", 12, "what was planned in a restored backup is not looked up", []Edit{{
			"client/recover.go", "events := []idempotency.Event{suspicion}", "events := []idempotency.Event(nil)",
		}}},
		{"rule-12-new-keys", 12, "keys that are new to a restored backup are not looked up", []Edit{{
			"client/recover.go", "return c.now().UnixNano() < c.doubtUntil.Load() }", "return c.doubtUntil.Load() < 0 }",
		}}},
		{"rule-12-recoveries", 12, "the recoveries of the lost history are not counted", []Edit{{
			"client/recover_suspect.go", "for range recoveries {", "for range recoveries * 0 {",
		}}},
		{"rule-12-copy", 12, "a copied ledger goes on with the jobs of its original", []Edit{{
			"client/recover.go", "\t\t\tevents = disown(rec)\n", "\t\t\tevents = nil\n",
		}}},
		{"rule-13-read-back", 13, "a cancellation counts without having been read back", []Edit{{
			machinePerson, "\tt.r.Cancel.Tries++\n", "\tt.r.Cancel.Outcome = CancelDone\n\tt.enter(Canceled)\n\tt.r.Cancel.Tries++\n",
		}}},
		{"rule-13-wish", 13, "a wish to cancel forbids no send", []Edit{
			{machinePerson, "if !t.r.Cancel.Stands() || len(t.r.Live()) > 0 {", "if t.r.State != Unknown || !t.r.Cancel.Stands() || len(t.r.Live()) > 0 {"},
			{machineSend, "case r.Cancel.Stands():\n\t\treturn t.no(13,", "case false:\n\t\treturn t.no(13,"},
		}},
		{"rule-14-spool", 14, "an answer is lost with the store", []Edit{{
			"client/internal/spool/spool.go", "\ts.mu.Lock()\n\tdefer s.mu.Unlock()\n\ts.waiting = append(s.waiting, e)\n",
			"\tif s.dir == \"\" {\n\t\treturn nil\n\t}\n\ts.mu.Lock()\n\tdefer s.mu.Unlock()\n\ts.waiting = append(s.waiting, e)\n",
		}}},
	}
}

// fineBreaks are those of the finer points.
func fineBreaks() []Break {
	return []Break{
		{"settle-time", 0, "absence is concluded without a settle time", []Edit{{
			machineReconcile, "\tsettle := c.Lookup.SettleTime()\n", "\tsettle := c.Lookup.SettleTime() * 0\n",
		}}},
		{"one-look-up", 0, "absence is concluded from one look-up instead of two", []Edit{{
			machineReconcile, "if s.Misses < 2 {", "if s.Misses < 1 {",
		}}},
		{"no-control", 0, "absence is concluded without a control piece", []Edit{{
			machineReconcile, "!ev.Complete || !ev.Control || s.Veto", "!ev.Complete || s.Veto",
		}}},
		{"dedupe", 0, "a job that is handed in again is a new one", []Edit{{
			memoryStore, "case c.Expect == 0 && old != nil:", "case false:",
		}}},
		{"no-watch", 0, "nobody looks for late arrivals", []Edit{{
			machineReconcile, "\ts.Fate = FateAbsent\n\tt.watch(s)\n", "\ts.Fate = FateAbsent\n",
		}}},
		{"budget", 0, "retries have no budget", []Edit{{
			"retry/call.go", "case !config.Budget.withdraw(now, f.timeout):", "case false:",
		}}},
	}
}
