// Package operator implements the command for the people who run a ledger of mail: what is
// stuck, why, whether paper is at risk, and what can be pressed. The program
// client/cmd/postproof is it for a ledger in SQLite; for another ledger write a
// main of a few lines, see the example.
//
// It works beside the services that have the ledger open. Looking and deciding
// needs no vendor's credentials ([client.WithoutVendors]); workers carry out what
// was decided. The commands that ask vendors, or depend on what these can do, take
// adapters from [Config.Vendors].
//
// # What it shows
//
// Ids of records, contacts' ids, references, vendors' ids and tracking numbers: never a
// name, an address, a key or artwork. Lists fit into 100 columns, times are UTC and relative.
// What the ledger holds cannot speak to the terminal.
//
// # What it asks
//
// Whatever can mail, or cannot be taken back, first says what it will do, to how
// many jobs, how many pieces may come of it, and how many of these may be second
// ones. Then it asks, or takes -yes; with -expect only for that many jobs. Where a
// second piece may come of it a yes at the terminal is not enough: the number of
// jobs is. Without a terminal and without -yes nothing is done. A job that moved
// after it was shown is left alone. A pause is not asked about: it must be quick,
// and mails nothing.
//
// # Exit codes
//
//   - 0 ([ExitOK]): done, and nothing that was looked at needs a person
//   - 1 ([ExitError]): it could not do its work
//   - 2 ([ExitUsage]): the command line is wrong
//   - 3 ([ExitNeedsPerson]): it did its work, and what it found needs a person
//   - 4 ([ExitNotConfirmed]): nothing was done, because nobody said yes
//
// # JSON
//
// With -json each line of the output is an object with a type; questions and
// errors go to Stderr as ever. Fields are added, never renamed or taken away; those
// that are empty may be missing. Times are RFC 3339 in UTC, durations nanoseconds.
//
//	ledger        where mode now newest created history_broken maybe_paper workers overdue partial needs_person
//	todo          needs_person what press
//	campaign      campaign states jobs canary_waits
//	vendor        vendor sending unknown held refused maybe_paper trouble
//	held_group    reason vendor jobs no_paper maybe_paper paper since
//	refused_group refusal note jobs since
//	job           id campaign contact state version hold held_at note paper vendors priority generation due deadline
//	  worker worker_until created updated erased vendor vendor_id ref accepted tracking_id expected_delivery
//	  stage stage_at stage_source stage_confidence refusal cancel_by cancel_at cancel_outcome submissions choices
//	entry         seq id at kind from to generation vendor ref vendor_id delivery code by note
//	incident      seq id at kind from to generation vendor ref vendor_id delivery code by note
//	tally         campaign jobs states stages vendors delivered_scanned damaged
//	plan          command jobs may_mail may_print_twice does
//	done          id state paper outcome error
//	approved      campaign states jobs
//	paused        target by why since
//	change        n at by why action target before after undoes prev digest
//	unchanged     paused
//	change_head   n digest verified problem
//	audit         vendor since orders matched findings
//	finding       kind id ref vendor_id note
//	silence       vendor expected silent since heard
//	recovered     vendors checked doubted recoveries unasked damaged
//	callback      message vendor state tries reason received due
//	callback_group vendor reason callbacks parked since
//	replayed      queued purged busy damaged
//	answer        id vendor ref vendor_id delivery at parked other_ledger
//	replay_plan   at total counts costs rows_rejected sends acts
//	replay        name phase by why total handed recovered waiting unknown held refused canceled started_at
//	  elapsed rate ends_at throttle
//	replay_report name phase by why total handed recovered waiting unknown held refused canceled started_at
//	  elapsed rate ends_at throttle at targets left longest
//	erasure       at by why dry_run jobs unknown messages answers artwork snapshots storage unread problems entry digest complete
//	snapshot      id campaign taken_at accepted rejected verified problem
//	damaged       what advice
//	export        id campaign taken_at accepted rejected verified file
//
// In a job, paper is how many pieces a vendor has for certain (least) and may have
// (most); choices are what may be decided, with what each means, risks, and whether
// it mails. In done the outcome is done, moved or failed.
//
// # Concurrency
//
// One call of [Main] at a time for one Config. Several processes may work on one
// ledger, as far as its store allows it.
package operator
