package main

const (
	pausedWork   = "client/paused_work.go"
	replayDo     = "client/replay_do.go"
	machineErase = "idempotency/machine_erase.go"
	accounts     = "client/account.go"
)

// personBreaks are those of what people do to a ledger.
func personBreaks() []Break {
	return []Break{
		{"pause-guard", 0, "an intent does not depend on what was paused", []Edit{{
			pausedWork, "\tch.Reads = w.reads\n", "\tch.Reads = nil\n",
		}}},
		{"pause-resend", 0, "a pause does not stop what is sent again", []Edit{{
			"client/send.go", "if p := w.look().keeps(w.rec, v.name); p != nil {", "if p := w.look().keeps(w.rec, v.name); p != nil && v == nil {",
		}}},
		{"pause-priority", 0, "what is below a priority is not paused", []Edit{{
			"client/pauses.go", "x.Target.Kind == TargetPriority && rec.Priority < x.Target.below():", "x.Target.Kind == TargetPriority && rec.Priority < x.Target.below()-5:",
		}}},
		{"replay-cap", 0, "a replay sends more than its plan says", []Edit{{
			replayDo, "Add: 1, Limit: run.st.Budget}", "Add: 1}",
		}}},
		{"replay-guard", 0, "a replay that is paused or stopped goes on until it looks", []Edit{{
			replayDo, "ch.Reads = append(ch.Reads, idempotency.SettingRead{Name: replaySetting(run.name), Version: run.version})", "_ = run.version",
		}}},
		{"replay-cursor", 0, "a replay that is gone on with leaves out a batch", []Edit{{
			"client/replay_run.go", "\t\tacted, err := run.batch(ctx, b.items)\n",
			"\t\tif err := run.checkpoint(ctx, func(st *replayState) { st.Cursor = b.next }); err != nil {\n\t\t\treturn err\n\t\t}\n\t\tacted, err := run.batch(ctx, b.items)\n",
		}}},
		{"remail-key", 0, "a second piece that is asked for again is a third one", []Edit{{
			"client/remail.go", "second := idempotency.IDOf(remailKey(first, r.Name))", "r.Name += c.now().Format(\".150405\")\n\tsecond := idempotency.IDOf(remailKey(first, r.Name))",
		}}},
		{"erase-tombstone", 0, "the tombstone of who was erased is forgotten", []Edit{{
			memoryStore, "\tif c.Record != nil {\n\t\tm.put(c.Record)\n",
			"\tif c.Record != nil {\n\t\tm.put(c.Record)\n\t\tif c.Record.Tombstone {\n\t\t\tslot := m.records[c.Record.ID]\n" +
				"\t\t\tfor ref, owner := range m.refs {\n\t\t\t\tif owner == slot {\n\t\t\t\t\tdelete(m.refs, ref)\n\t\t\t\t}\n\t\t\t}\n" +
				"\t\t\tdelete(m.records, slot.ID)\n\t\t\tm.ids, m.sorted = slices.DeleteFunc(m.ids, func(id ID) bool { return id == slot.ID }), 0\n\t\t}\n",
		}}},
		{"erase-data", 0, "an erased record keeps its contact", []Edit{{
			machineErase, `r.Key, r.Job, r.Contact, r.Trace, r.Awaits = "", nil, "", "", ""`, `r.Key, r.Job, r.Trace, r.Awaits = "", nil, "", ""`,
		}}},
		{"erase-now", 0, "an erasure at once forbids no other send", []Edit{
			{machineErase, "\tcase ev.Now:\n\t\tt.forbid(CancelLeft)\n\t}\n", "\tcase ev.Now:\n\t}\n"},
		}},
		{"undo-late", 0, "a decision is taken back although something came of it", []Edit{{
			"idempotency/machine.go", "if next.Prior != nil && next.Prior == r.Prior && movedOn(r, next) {", "if false {",
		}}},
		{"rotation-former", 0, "what an account's former name sent is another account's", []Edit{{
			accounts, "|| slices.Contains(v.config.FormerAccounts, fingerprint))", "|| slices.Contains(v.config.FormerAccounts[:0], fingerprint))",
		}}},
		{"rotation-blind", 0, "that a name is the account's is believed blindly", []Edit{{
			"client/former.go", "\tcase f.isProven():\n\t\treturn true, false\n\t}\n\tfor range", "\tdefault:\n\t\treturn true, false\n\t}\n\tfor range",
		}}},
		{"rotation-key", 0, "a key that came with other credentials is trusted", []Edit{{
			"client/send.go", "name != v.account.Fingerprint || sentByOthers", "name == \"\" || sentByOthers",
		}}},
		{"rotation-id", 0, "an order of another account counts for the piece of the same id", []Edit{{
			"client/reconcile.go", "if err == nil && byID && order", "if err == nil && byID && false && order",
		}, {
			"client/reconcile.go", `order.Receipt.Ref != "" && order.Receipt.Ref != sub.Ref) ||`, `false) ||`,
		}}},
		{"log-entry", 0, "the change log leaves out what a process did last", []Edit{{
			"client/changes.go", "\tch.Settings = append(ch.Settings, next, entry)\n",
			"\tif e.Action == ActionResume {\n\t\treturn nil\n\t}\n\tch.Settings = append(ch.Settings, next, entry)\n",
		}}},
		{"log-chain", 0, "entries of the change log do not name the one before", []Edit{{
			"client/changes.go", "e.N, e.Prev, e.At = head.N+1, head.Digest, c.now().UTC()", "e.N, e.Prev, e.At = head.N+1, \"\", c.now().UTC()",
		}}},
	}
}
