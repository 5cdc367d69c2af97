package operator

import (
	"fmt"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// ledgerView is the ledger in JSON.
type ledgerView struct {
	Type  string         `json:"type"`
	Where string         `json:"where,omitempty"`
	Mode  postproof.Mode `json:"mode"`
	Now   time.Time      `json:"now"`
	// Newest is the newest time in the ledger.
	Newest  time.Time `json:"newest"`
	Created time.Time `json:"created"`
	// Broken: its history was broken, and nothing is sent until it is recovered.
	Broken bool `json:"history_broken"`
	// Maybe is how many open jobs may be on paper.
	Maybe   int            `json:"maybe_paper"`
	Workers map[string]int `json:"workers"`
	// Due is how many jobs should have been sent, or settled, some minutes ago, of those
	// that were looked at; Partial says that these are not all.
	Due     int  `json:"overdue"`
	Partial bool `json:"partial,omitempty"`
	// Needs says that something needs a person.
	Needs bool `json:"needs_person"`
}

// todoView is something that needs a person, or that is good to know.
type todoView struct {
	Type string `json:"type"`
	// Needs is true for what needs a person.
	Needs bool   `json:"needs_person"`
	What  string `json:"what"`
	// Press are commands that help.
	Press []string `json:"press"`
}

// todos says what needs a person, the most urgent first, then what is good to
// know.
func (r *run) todos(o *overview) (all []todoView) {
	now := r.Clock.Now()
	add := func(needs bool, press []string, format string, args ...any) {
		all = append(all, todoView{Type: "todo", Needs: needs, What: fmt.Sprintf(format, args...), Press: press})
	}
	if o.id.EpochChanged() {
		add(true, []string{"recover -h", "recover"}, "The ledger's history was broken: it was restored from a backup, copied or promoted. Nothing is sent until it is recovered.")
	}
	if o.doubted > 0 && !o.id.EpochChanged() {
		add(false, []string{"control -h"}, "%s in doubt since a recovery, and looked up by the workers. That a vendor has nothing is believed beside a piece that it accepted since, and takes hours: send each vendor one.", many(o.doubted, "job")+are(o.doubted))
	}
	if o.still(now) {
		add(true, nil, "Nobody seems to work: %s due since %s, and nothing in the ledger has changed for %s. Start a worker.",
			many(o.due, "job")+are(o.due), moment(o.oldest, now), rough(now.Sub(o.id.Newest)))
	}
	if n, maybe, _ := o.held.jobs(); n > 0 {
		press, text := []string{"held"}, many(n, "job")+are(n)+" held: "+o.held.risk()+"."
		if maybe > 0 {
			press = append(press, "release -paper maybe")
			text += " Release has the vendors asked again, and prints nothing twice."
		}
		add(true, press, "%s", text)
	}
	for _, c := range o.campaigns {
		if c.Canary > 0 {
			add(true, []string{"tally " + quoted(c.Campaign), "approve " + quoted(c.Campaign)}, "Campaign %s waits for approval: %s of its canary went out.", c.Campaign, many(c.Canary, "piece"))
		}
	}
	if n := sum(o.incidents); n > 0 {
		add(true, []string{"incidents"}, "%s in the last %s: %s.", many(n, "incident"), rough(tonight), listed(o.incidents))
	}
	for _, v := range o.vendors {
		for _, t := range v.Trouble {
			if t.unpolled() {
				add(true, nil, "%s", unpolledText(v.Vendor, &t))
				continue
			}
			account := t.Reason == client.TroubleAccount
			text := fmt.Sprintf("%s is not tried for %s until %s, because of its %s, says %s.", v.Vendor, t.Group, moment(t.Until, now), t.Reason, orText(t.By, "a worker"))
			if account {
				text += " Look at its bill and its credentials."
			} else {
				text += " It is tried again by itself; jobs that it may have wait for it, others go to the next vendor."
			}
			add(account, nil, "%s", text)
		}
	}
	for _, x := range o.paused {
		add(false, []string{"resume " + targetArgs(x.Target) + " -why REASON"}, "%s: paused by %s since %s. %s", x.Target, x.By, moment(x.Since, now), x.Why)
	}
	for _, x := range o.replays {
		add(false, []string{"replay report " + x.Name}, "Replay %s is %s: %s %% of %s recovered.", x.Name, strings.ReplaceAll(string(x.Phase), "_", " "), percent(x.Recovered, x.Total), many(x.Total, "job"))
	}
	waiting, parked, foreign := spoolCounts(o)
	if waiting > 0 {
		add(false, nil, "%s in the spool beside the ledger until it can be written. No piece is lost by it.", many(waiting, "vendor's answer")+" lie"+third(waiting))
	}
	if parked > 0 {
		add(true, []string{"spool", "incidents -since 0"}, "%s no place in the ledger, as after a restore: kept in the spool and tried again.", many(parked, "vendor's answer")+has(parked))
	}
	if foreign > 0 {
		add(true, nil, "%s of another ledger in this one's spool folder: give each ledger a folder of its own.", many(foreign, "answer")+are(foreign))
	}
	o.folderTodos(add)
	if u := o.unread; u.n > 0 && !u.busy {
		add(true, nil, "Nobody seems to apply callbacks: %s for it since %s. The vendors were told that these arrived, and will not repeat them. Have a service call Run of its callback.Receiver.",
			many(u.n, "callback")+" wait"+third(u.n), moment(u.oldest, now))
	}
	if o.parked > 0 {
		add(true, []string{"callbacks", "callbacks replay"}, "%s parked: it failed too often. Mend what failed, then replay it.", many(o.parked, "callback")+are(o.parked))
	}
	for i, one := range o.damaged {
		if i == mostDamaged {
			add(true, nil, "%s more are damaged as well.", number(len(o.damaged)-i))
			break
		}
		add(true, nil, "%s is damaged, and everything else goes on without it. What to do: %s.", one.What(), one.Advice())
	}
	if n := sum(o.refused); n > 0 {
		add(false, []string{"refused"}, "%s refused, and nothing is on paper: %s. They go on when somebody amends or cancels them.", many(n, "job")+are(n), listed(o.refused))
	}
	return all
}

// targetArgs names a target as pause and resume take it.
func targetArgs(t client.Target) string {
	if t.Kind == client.TargetPriority {
		return "below " + t.Name
	}
	return string(t.Kind) + " " + quoted(t.Name)
}

func spoolCounts(o *overview) (waiting, parked, foreign int) {
	for _, s := range o.spooled {
		switch {
		case s.OtherLedger:
			foreign++
		case s.Parked != "":
			parked++
		default:
			waiting++
		}
	}
	return waiting, parked, foreign
}

func are[N int | int64](n N) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

func has[N int | int64](n N) string {
	if n == 1 {
		return " has"
	}
	return " have"
}

func third(n int) string {
	if n == 1 {
		return "s"
	}
	return ""
}

// status prints the first screen.
func (r *run) status(o *overview) error {
	now, p, todos := r.Clock.Now(), r.out, r.todos(o)
	needs := false
	for _, t := range todos {
		needs = needs || t.Needs
	}
	where := ""
	if r.Where != nil {
		where = r.Where()
	}
	p.object(ledgerView{
		Type: "ledger", Where: where, Mode: o.id.Mode, Now: now.UTC(), Newest: o.id.Newest.UTC(), Created: o.id.CreatedAt.UTC(), Broken: o.id.EpochChanged(),
		Maybe: o.maybe, Workers: o.workers, Due: o.due, Partial: o.partial, Needs: needs,
	})
	p.text("%s  %s mode  %s UTC", orText(where, "ledger"), o.id.Mode, now.UTC().Format("2006-01-02 15:04:05"))
	p.wrapped("", r.pulse(o, now))
	p.text("")
	if len(todos) == 0 {
		p.text("Nothing needs you.")
	}
	for _, t := range todos {
		p.object(t)
		mark := "   "
		if t.Needs {
			mark = " ! "
		}
		p.wrapped(mark, t.What)
		for _, c := range t.Press {
			p.text("       %s %s", r.Name, c)
		}
	}
	p.text("")
	r.printCampaigns(o)
	if len(o.vendors) > 0 {
		p.text("")
		r.printVendors(o, now)
	}
	if o.held.groups != nil {
		p.text("")
		p.text("%s held, by reason", many(len(o.held.groups), "group"))
		p.list(o.held.table(now))
		for _, g := range o.held.sorted() {
			p.object(g)
		}
	}
	if o.partial {
		p.text("")
		p.text("There are more waiting jobs than could be looked at: workers and vendors of some are not counted.")
	}
	return needsPerson(needs)
}

// pulse says in a line whether the ledger lives, and whether paper is at risk.
func (r *run) pulse(o *overview, now time.Time) string {
	text := "last change " + moment(o.id.Newest, now)
	if n := len(o.workers); n > 0 {
		text += fmt.Sprintf("; %s hold%s %s", many(n, "worker"), third(n), many(sum(o.workers), "job"))
	} else {
		text += "; no worker holds a job"
	}
	if o.maybe > 0 {
		return text + fmt.Sprintf("; PAPER AT RISK: %s a vendor may have", many(o.maybe, "job"))
	}
	return text + "; no paper is at risk"
}

func (r *run) printCampaigns(o *overview) {
	t := newTable("~CAMPAIGN", ">PLANNED", ">SENDING", ">UNKNOWN", ">HELD", ">REFUSED", ">ACCEPTED", ">DONE", ">CANCELED", ">ALL")
	for _, c := range o.campaigns {
		r.out.object(c)
		row := []string{orText(c.Campaign, "(none)")}
		for _, s := range []idempotency.State{
			idempotency.Planned, idempotency.Sending, idempotency.Unknown, idempotency.Held, idempotency.Refused, idempotency.Accepted, idempotency.Done, idempotency.Canceled,
		} {
			row = append(row, zero(c.States[s]))
		}
		t.add(append(row, number(c.Jobs))...)
	}
	r.out.text("%s", many(len(o.campaigns), "campaign"))
	r.out.list(t)
}

func (r *run) printVendors(o *overview, now time.Time) {
	t := newTable("VENDOR", ">SENDING", ">UNKNOWN", ">HELD", ">REFUSED", ">MAYBE PAPER", "~TROUBLE")
	for _, v := range o.vendors {
		r.out.object(v)
		trouble := ""
		for _, x := range v.Trouble {
			if trouble != "" {
				trouble += "; "
			}
			if x.unpolled() {
				trouble += "not asked for: " + many(x.Pieces, "piece")
				if x.Account != "" {
					trouble += " of account " + x.Account
				}
				continue
			}
			trouble += x.Group + ": " + string(x.Reason) + " till " + moment(x.Until, now)
		}
		t.add(v.Vendor, zero(int64(v.Sending)), zero(int64(v.Unknown)), zero(int64(v.Held)), zero(int64(v.Refused)), zero(int64(v.Maybe)), trouble)
	}
	r.out.text("%s with open jobs or trouble", many(len(o.vendors), "vendor"))
	r.out.list(t)
}

// unpolledText says which pieces nobody asks for, and what to do.
func unpolledText(vendor string, t *troubleView) string {
	if t.Reason == client.TroubleNoAdapter {
		return fmt.Sprintf("%s of %s cannot be asked for: %s has no adapter of that vendor. Give its adapter and credentials back to a worker until the pieces are through.",
			many(t.Pieces, "piece"), vendor, orText(t.By, "a worker"))
	}
	return fmt.Sprintf("%s of %s cannot be asked for: submitted under account %s, of which %s has no credentials. If it is the same account, name it in FormerAccounts of the workers' configuration; else give its credentials back.",
		many(t.Pieces, "piece"), vendor, t.Account, orText(t.By, "a worker"))
}

func zero(n int64) string {
	if n == 0 {
		return "."
	}
	return number(n)
}

// quoted is an argument as a shell takes it.
func quoted(s string) string {
	plain := s != ""
	for _, c := range s {
		plain = plain && (c == '-' || c == '_' || c == '.' || c == '/' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
	}
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
