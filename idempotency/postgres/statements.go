package postgres

import "github.com/postproof/postproof/idempotency/internal/codec"

// statements are the texts with the names of the ledger's schema in them.
type statements struct {
	load, block, store, commitNow, commit, made, settings, marks string // of a transaction
	identity, history0, breakHistory, addEntry                   string // of the ledger itself
	depth, counter, setting, prefix                              string
	get                                                          string
	find, findBare                                               finders
	waiting, place, entries, history                             string
	claim, oldest, claimMessages, put, purge                     string
	prune, forget, foldDepth, dropCounter, keep, drop            string
	hasBlob, addBlob, addChunk, chunk, dropBlob, blank, enqueue  string
	sums, clear                                                  string
	messages, messagesBare                                       listers
}

func newStatements(s *settings) statements {
	t := statements{
		load: loadText, block: `SELECT nextval('@blocks')`, store: storeText, commitNow: commitText, settings: settingsWriteText, marks: marksText,
		commit: `INSERT INTO @commits (token, newest) VALUES (%d, %d); COMMIT`, made: `SELECT EXISTS (SELECT FROM @commits WHERE token = $1)`,
		identity: identityRowText, history0: historyRowText, breakHistory: breakHistoryText, addEntry: addEntryText,
		depth: depthText, counter: counterText, setting: settingText, prefix: prefixText,
		get: getText, find: newFinders(codec.Columns, withJobs), findBare: newFinders(codec.BareColumns, ""),
		waiting: waitingText, place: placeText, entries: entriesText, history: historyText,
		claim: claimText, oldest: oldestText, claimMessages: claimMessagesText, put: putText, purge: purgeText,
		prune: pruneText, forget: forgetText, foldDepth: foldDepthText, dropCounter: dropCounterText, keep: keepText, drop: dropText,
		hasBlob: hasBlobText, addBlob: addBlobText, addChunk: addChunkText, chunk: chunkText, dropBlob: dropBlobText, blank: blankText, enqueue: enqueueText,
		sums: sumsText, clear: clearText, messages: newListers(codec.MessageColumns), messagesBare: newListers(codec.BareMessageColumns),
	}
	for _, text := range []*string{
		&t.load, &t.block, &t.store, &t.commitNow, &t.commit, &t.made, &t.settings, &t.marks,
		&t.identity, &t.history0, &t.breakHistory, &t.addEntry, &t.depth, &t.counter, &t.setting, &t.prefix,
		&t.get, &t.find.ids, &t.find.ref, &t.find.piece, &t.find.campaign, &t.find.rare, &t.find.all,
		&t.findBare.ids, &t.findBare.ref, &t.findBare.piece, &t.findBare.campaign, &t.findBare.rare, &t.findBare.all, &t.waiting, &t.place, &t.entries, &t.history,
		&t.claim, &t.oldest, &t.claimMessages, &t.put, &t.purge, &t.prune, &t.forget, &t.foldDepth, &t.dropCounter, &t.keep, &t.drop,
		&t.hasBlob, &t.addBlob, &t.addChunk, &t.chunk, &t.dropBlob, &t.blank, &t.enqueue,
		&t.sums, &t.clear, &t.messages.all, &t.messages.waiting, &t.messages.parked, &t.messages.failed,
		&t.messagesBare.all, &t.messagesBare.waiting, &t.messagesBare.parked, &t.messagesBare.failed,
	} {
		*text = s.in(*text)
	}
	return t
}
