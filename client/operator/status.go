package operator

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

const (
	// glance bounds how long the first screen looks at the jobs that wait: their
	// number is exact, who works on them is not worth a minute.
	glance = 2 * time.Second
	// stillFor is how long a ledger with due jobs may stand still before somebody
	// should look whether a worker runs.
	stillFor = 5 * time.Minute
	// tonight is how far back incidents count on the first screen.
	tonight = 24 * time.Hour
	// waitingMost bounds how many callbacks that wait are looked at.
	waitingMost = 10_000
)

// campaignView counts a campaign by state, in JSON.
type campaignView struct {
	Type     string                      `json:"type"`
	Campaign string                      `json:"campaign"`
	States   map[idempotency.State]int64 `json:"states"`
	Jobs     int64                       `json:"jobs"`
	// Canary is how many pieces of it are out while it waits for approval.
	Canary int64 `json:"canary_waits,omitempty"`
}

// vendorView counts what is open at a vendor, in JSON.
type vendorView struct {
	Type    string `json:"type"`
	Vendor  string `json:"vendor"`
	Sending int    `json:"sending"`
	Unknown int    `json:"unknown"`
	Held    int    `json:"held"`
	Refused int    `json:"refused"`
	// Maybe is how many open jobs the vendor may have, of all above.
	Maybe int `json:"maybe_paper"`
	// Trouble is what workers tell of it.
	Trouble []troubleView `json:"trouble,omitempty"`
}

type troubleView struct {
	Group  string               `json:"group"`
	Reason client.TroubleReason `json:"reason"`
	Since  time.Time            `json:"since,omitzero"`
	Until  time.Time            `json:"until"`
	By     string               `json:"by,omitempty"`
	// Account and Pieces are of what is not asked for, because nobody has its account,
	// or any of the vendor.
	Account string `json:"account,omitempty"`
	Pieces  int64  `json:"pieces,omitempty"`
}

// unpolled reports whether the trouble is that nobody asks for pieces.
func (t *troubleView) unpolled() bool {
	return t.Reason == client.TroubleOtherAccount || t.Reason == client.TroubleNoAdapter
}

// overview is all that the first screen is made of.
type overview struct {
	id        idempotency.Identity
	campaigns []*campaignView
	vendors   []*vendorView
	held      heldCounts
	refused   map[string]int // by reason
	maybe     int            // open jobs that may be on paper
	doubted   int            // of these, those that a lost history may have sent
	workers   map[string]int // leases that hold, by owner
	incidents map[string]int
	spooled   []client.SpooledAnswer
	folders   []folderView
	parked    int // callbacks
	unread    unreadCallbacks
	damaged   []*idempotency.DamagedError
	paused    []client.Paused
	replays   []client.ReplayProgress // that are not over
	// due is how many of the jobs that were looked at should have been sent, or settled,
	// oldest since when.
	due    int
	oldest time.Time
	// partial: there were more jobs than could be looked at.
	partial bool
}

func statusCommand() *command {
	var campaign string
	return &command{
		name: "status", short: "what is stuck, why, whether paper is at risk, and what to press",
		long: `
The first screen. It says what needs a person, what is stuck where, at which vendors paper is at risk, and
which commands help. It asks no vendor, needs no credentials, changes nothing, and takes seconds.

  $ status
  $ status -campaign spring
  $ status -json

Planned jobs wait to be sent, unknown ones may be with their vendor and are being settled, held ones wait
for a person, refused ones were taken by no vendor. MAYBE PAPER counts those of which nobody can say yet
whether a vendor has them: leave them to the workers, or decide them one by one; do not hand them in anew.

It exits 3 when something needs a person.`,
		flags: func(fs *flag.FlagSet) { fs.StringVar(&campaign, "campaign", "", "only this `campaign`") },
		run: func(ctx context.Context, r *run, _ []string) error {
			o, err := r.look(ctx, campaign)
			if err != nil {
				return err
			}
			return r.status(o)
		},
	}
}

// look gathers the overview.
func (r *run) look(ctx context.Context, campaign string) (*overview, error) {
	c, err := r.client(ctx)
	if err != nil {
		return nil, err
	}
	o := &overview{refused: map[string]int{}, workers: map[string]int{}, incidents: map[string]int{}, spooled: c.Spooled()}
	if o.id, err = r.ledger.Identity(ctx); err != nil {
		return nil, fmt.Errorf("read the ledger's identity: %w", err)
	}
	depths, err := r.ledger.Depth(ctx, campaign)
	if err != nil {
		return nil, fmt.Errorf("count the jobs: %w", err)
	}
	for _, d := range depths {
		o.count(d)
	}
	for _, one := range o.campaigns {
		if one.States[idempotency.Planned]+one.States[idempotency.Held] == 0 || one.Campaign == "" {
			continue
		}
		canary, err := c.Canary(ctx, one.Campaign)
		if err != nil {
			return nil, err
		}
		if canary.Waits() {
			one.Canary = canary.Pieces
		}
	}
	if o.paused, err = c.Paused(ctx); err != nil {
		return nil, err
	}
	q := idempotency.Query{Campaign: campaign, Bare: true, States: []idempotency.State{idempotency.Unknown, idempotency.Held, idempotency.Refused}}
	for rec, err := range r.ledger.Find(ctx, q) {
		if r.past(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the open jobs: %w", err)
		}
		o.open(rec, r.Clock.Now())
	}
	if err := r.glance(ctx, o, campaign); err != nil {
		return nil, err
	}
	err = r.around(ctx, c, o)
	o.damaged, r.damaged = r.damaged, nil // the screen tells of them
	return o, err
}

// glance looks at the jobs that wait or are being sent, for a while.
func (r *run) glance(ctx context.Context, o *overview, campaign string) error {
	now := r.Clock.Now()
	short, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	q := idempotency.Query{Campaign: campaign, Bare: true, States: []idempotency.State{idempotency.Planned, idempotency.Sending}}
	if o.states(q.States...) == 0 {
		return nil
	}
	for rec, err := range r.ledger.Find(short, q) {
		if r.past(err) {
			continue
		}
		switch {
		case err != nil && short.Err() != nil && ctx.Err() == nil:
			o.partial = true
			return nil
		case err != nil:
			return fmt.Errorf("read the waiting jobs: %w", err)
		}
		o.open(rec, now)
	}
	return nil
}

// around gathers what stands beside the jobs.
func (r *run) around(ctx context.Context, c *client.Client, o *overview) error {
	troubles, err := c.Troubles(ctx)
	if err != nil {
		return err
	}
	for _, t := range troubles {
		v := o.vendor(t.Vendor)
		one := troubleView{Group: t.Group, Reason: t.Reason, Since: t.Since.UTC(), Until: t.Until.UTC(), By: t.By}
		if one.unpolled() {
			one.Account, one.Pieces = t.Account, t.Pieces
		}
		v.Trouble = append(v.Trouble, one)
	}
	if o.folders, err = spoolFolders(ctx, c); err != nil {
		return err
	}
	for p, err := range c.Replays(ctx) {
		if err != nil {
			return err
		}
		if p.Phase != client.ReplayFinished && p.Phase != client.ReplayStopped {
			o.replays = append(o.replays, p)
		}
	}
	incidents, err := r.incidents(ctx, c, tonight)
	if err != nil {
		return err
	}
	for i := range incidents {
		o.incidents[string(incidents[i].Kind)]++
	}
	if store, ok := r.ledger.(interface{ Inbox() idempotency.Inbox }); ok {
		if err = r.callbacks(ctx, store.Inbox(), idempotency.MessageParked, 0, func(*idempotency.Message) { o.parked++ }); err != nil {
			return err
		}
		// Of those that wait, the ones that nobody comes for are told of, and those that
		// are damaged.
		if err := r.callbacks(ctx, store.Inbox(), idempotency.MessageWaiting, waitingMost, func(m *idempotency.Message) { o.unread.add(m, r.Clock.Now()) }); err != nil {
			return err
		}
	}
	slices.SortFunc(o.campaigns, func(a, b *campaignView) int { return cmp.Compare(a.Campaign, b.Campaign) })
	slices.SortFunc(o.vendors, func(a, b *vendorView) int { return cmp.Compare(a.Vendor, b.Vendor) })
	return nil
}

// callbacks calls each with the callbacks in a state, at most so many, 0 for all, and
// notes those that are damaged. It reads none in another state and no payload: an inbox
// is large.
func (r *run) callbacks(ctx context.Context, inbox idempotency.Inbox, state idempotency.MessageState, most int, each func(*idempotency.Message)) error {
	q := idempotency.MessageQuery{States: []idempotency.MessageState{state}, Limit: most, Bare: true}
	for m, err := range inbox.List(ctx, q) {
		switch {
		case r.past(err):
		case errors.Is(err, errors.ErrUnsupported):
			return nil
		case err != nil:
			return fmt.Errorf("read the callbacks: %w", err)
		default:
			each(m)
		}
	}
	return nil
}

func (o *overview) count(d idempotency.StateCount) {
	i := slices.IndexFunc(o.campaigns, func(c *campaignView) bool { return c.Campaign == d.Campaign })
	if i < 0 {
		i = len(o.campaigns)
		o.campaigns = append(o.campaigns, &campaignView{Type: "campaign", Campaign: d.Campaign, States: map[idempotency.State]int64{}})
	}
	o.campaigns[i].States[d.State] += d.Count
	o.campaigns[i].Jobs += d.Count
}

func (o *overview) states(states ...idempotency.State) (n int64) {
	for _, c := range o.campaigns {
		for _, s := range states {
			n += c.States[s]
		}
	}
	return n
}

func (o *overview) vendor(name string) *vendorView {
	i := slices.IndexFunc(o.vendors, func(v *vendorView) bool { return v.Vendor == name })
	if i < 0 {
		i = len(o.vendors)
		o.vendors = append(o.vendors, &vendorView{Type: "vendor", Vendor: name})
	}
	return o.vendors[i]
}

// open counts a job that is open.
func (o *overview) open(rec *idempotency.Record, now time.Time) {
	p := paperOf(rec)
	if p.Most > p.Least {
		o.maybe++
	}
	if slices.ContainsFunc(rec.Live(), func(s *idempotency.Submission) bool { return s.FirstAt.IsZero() && s.Join == postproof.Unknown }) {
		o.doubted++
	}
	if rec.Lease.Until.After(now) {
		o.workers[rec.Lease.Owner]++
	}
	switch rec.State {
	case idempotency.Held:
		o.held.add(rec)
	case idempotency.Refused:
		o.refused[whyRefused(rec)]++
	case idempotency.Planned, idempotency.Sending, idempotency.Unknown: // a pause stops what is planned alone
		if at, ever := rec.VisibleAt(); ever && now.Sub(at) > stillFor && (rec.State != idempotency.Planned || !o.waits(rec)) {
			if o.due++; o.oldest.IsZero() || at.Before(o.oldest) {
				o.oldest = at
			}
		}
	default:
	}
	for _, name := range vendorsOf(rec) {
		v := o.vendor(name)
		switch rec.State {
		case idempotency.Sending:
			v.Sending++
		case idempotency.Unknown:
			v.Unknown++
		case idempotency.Held:
			v.Held++
		case idempotency.Refused:
			v.Refused++
		default:
			continue
		}
		if slices.ContainsFunc(rec.Live(), func(s *idempotency.Submission) bool { return s.Vendor == name && s.Join != postproof.Accepted }) {
			v.Maybe++
		}
	}
}

// waits reports whether a planned job waits because somebody wants it to.
func (o *overview) waits(rec *idempotency.Record) bool {
	return slices.ContainsFunc(o.campaigns, func(c *campaignView) bool { return c.Campaign == rec.Campaign && c.Canary > 0 }) ||
		slices.ContainsFunc(o.paused, func(p client.Paused) bool {
			least, err := strconv.Atoi(p.Target.Name)
			switch p.Target.Kind {
			case client.TargetCampaign:
				return p.Target.Name == rec.Campaign
			case client.TargetPriority:
				return err == nil && rec.Priority < least
			default: // of a vendor: where there is no other one
				return p.Target.Kind == client.TargetVendor
			}
		})
}

// still reports whether jobs are due and nobody seems to work.
func (o *overview) still(now time.Time) bool {
	return o.due > 0 && len(o.workers) == 0 && now.Sub(o.id.Newest) > stillFor && !o.id.EpochChanged()
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// listed names counts, the largest first.
func listed(counts map[string]int) string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %s", number(counts[name]), name)
	}
	return strings.Join(names, ", ")
}
