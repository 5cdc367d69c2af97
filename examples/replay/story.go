package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

const (
	// operator is who does things in the story.
	operator = "ann@springfield-tools.example"
	run1     = "spring-sale-2026-03-03"
)

func (s *story) tell(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

func (s *story) chapter(title string) {
	fmt.Fprintf(s.out, "\n%s  %s\n", s.clock.Now().UTC().Format("15:04"), title)
}

// halfMailed freezes the list and mails the first half of it.
func (s *story) halfMailed(ctx context.Context) (err error) {
	s.chapter("The list is frozen, and the first half of it is mailed")
	s.first, err = snapshot.Take(ctx, snapshot.CSV(strings.NewReader(contacts), snapshot.Mapping{}), snapshot.Options{
		Campaign: campaign, Source: "contacts.csv", Store: s.lists, Clock: s.clock,
	})
	if err != nil {
		return err
	}
	n := s.first.Counts()
	s.tell("  %d rows: %d can be mailed, %d cannot:", n.Read, n.Accepted, n.Rejected)
	for r, err := range s.first.Rejects(ctx) {
		if err != nil {
			return err
		}
		s.tell("    %s", r.Findings[0])
	}
	if err := s.enqueue(ctx, 0, 27); err != nil {
		return err
	}
	left, err := s.client.Drain(ctx)
	if err != nil {
		return err
	}
	s.tell("  %d postcards are with the vendor.", left[idempotency.Accepted])
	return nil
}

// enqueue hands in some rows of the list, as a program does that is stopped
// before it is through.
func (s *story) enqueue(ctx context.Context, from, to int) error {
	i := -1
	out, err := s.client.Enqueue(ctx, func(yield func(postproof.Job, error) bool) {
		for job, err := range client.Jobs(ctx, s.first, card()) {
			if i++; i >= from && i < to && !yield(job, err) {
				return
			}
		}
	})
	if err == nil && out.New != int64(to-from) {
		err = fmt.Errorf("%d jobs were taken, want %d", out.New, to-from)
	}
	return err
}

// outage has the vendor fail in the worst way: it answers 503, and has taken every
// second order all the same.
func (s *story) outage(ctx context.Context) error {
	s.chapter("The vendor fails: it answers 503, and takes some orders all the same")
	if err := s.plant.SetOutage(lob.Name, vendorsim.OutagePartial, true); err != nil {
		return err
	}
	if err := s.enqueue(ctx, 27, 42); err != nil {
		return err
	}
	err := s.work(ctx, func(ctx context.Context) error { return postproof.Sleep(ctx, s.clock, 4*time.Minute) })
	if err != nil {
		return err
	}
	depth, err := s.client.Depth(ctx, campaign)
	if err != nil {
		return err
	}
	for _, state := range idempotency.States() {
		if n := depth[state]; n > 0 {
			s.tell("  %-9s %d", state, n)
		}
	}
	s.result.Unknown = int(depth[idempotency.Unknown])
	s.tell("  The program is stopped. %d rows were never handed in.", s.first.Counts().Accepted-42)
	return s.stop()
}

// correct takes the list again after somebody has mended rejected rows.
func (s *story) correct(ctx context.Context) (err error) {
	s.chapter("Somebody mends the rejected rows in a spreadsheet")
	s.now, err = snapshot.TakeCorrections(ctx, s.first, snapshot.CSV(strings.NewReader(corrected), snapshot.Mapping{}), snapshot.Options{
		Source: "rejects.csv, edited", Store: s.lists, Clock: s.clock,
	})
	if err != nil {
		return err
	}
	s.result.Jobs = s.now.Counts().Accepted
	s.tell("  %d more rows can be mailed, %d still cannot.", s.now.Counts().Accepted-s.first.Counts().Accepted, s.now.Counts().Rejected)
	return nil
}

// asked is the list of those who asked for no mail since the list was taken: one
// who was not mailed yet, and one who was.
func asked() []snapshot.Suppression {
	return []snapshot.Suppression{{Code: snapshot.CodeDoNotMail, List: snapshot.NewSuppressionList([]string{"c058", "c003"}, nil)}}
}

// replayOf is the replay of a list.
func replayOf(list *snapshot.Snapshot, name string) client.Replay {
	return client.Replay{Name: name, Snapshot: list, Drop: card(), Suppress: asked()}
}

// plan shows what a replay would do.
func (s *story) plan(ctx context.Context) (err error) {
	s.chapter("The vendor is back, the program is started again. What would a replay do?")
	if err := s.plant.SetOutage(lob.Name, vendorsim.OutagePartial, false); err != nil {
		return err
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	if s.planned, err = s.client.PlanReplay(ctx, replayOf(s.now, run1)); err != nil {
		return err
	}
	s.printPlan(&s.planned)
	for it, err := range s.client.ReplayItems(ctx, s.planned.Replay) {
		if err != nil {
			return err
		}
		if it.Outcome == client.ReplaySuppressed {
			s.tell("  row %d is left out: %s", it.Row, it.Reason)
		}
	}
	s.result.Planned = s.planned.Sends()
	s.result.Suppressed = int(s.planned.Count(client.ReplaySuppressed))
	return nil
}

func (s *story) printPlan(p *client.ReplayPlan) {
	for _, k := range p.Counts {
		s.tell("  %4d  %-10s  %s", k.Jobs, k.Outcome, k.Reason)
	}
	s.tell("  %4d  jobs in all; %d would be sent that are not sent without it", p.Total, p.Sends())
	for _, k := range p.Costs {
		s.tell("        %s: %d for $%d.%02d", k.Vendor, k.Jobs, k.Cents/100, k.Cents%100)
	}
}

// replay runs the plan, one job a second, with a pause in between.
func (s *story) replay(ctx context.Context) error {
	s.chapter("The replay runs, one job a second")
	ran := make(chan error, 1)
	go func() {
		_, err := s.client.RunReplay(ctx, s.planned, client.Actor{By: operator, Why: "lob was out"}, client.ReplayOptions{Rate: 1})
		ran <- err
	}()
	if err := s.pause(ctx); err != nil {
		return errors.Join(err, <-ran)
	}
	err := s.work(ctx, func(ctx context.Context) error {
		if err := s.resume(ctx); err != nil {
			return errors.Join(err, <-ran)
		}
		if err := <-ran; err != nil {
			return err
		}
		shown := int64(-1)
		for p, err := range s.client.FollowReplay(ctx, run1, 20*time.Second) {
			if err != nil {
				return err
			}
			if p.Recovered != shown || p.Phase == client.ReplayFinished {
				s.tell("  %s", p.Bar(24))
			}
			shown = p.Recovered
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.report(ctx)
}

// pause stops the run when two thirds are handed over, as anybody may, in any
// process.
func (s *story) pause(ctx context.Context) error {
	for {
		p, err := s.client.ReplayProgress(ctx, run1)
		if err == nil && p.Handed >= 20 {
			break
		}
		if err != nil && postproof.CodeOf(err) != postproof.CodeNotFound { // it has not begun
			return err
		}
		if err := postproof.Sleep(ctx, s.clock, time.Second); err != nil {
			return err
		}
	}
	return s.client.PauseReplay(ctx, run1, client.Actor{By: operator, Why: "the web shop is not ready"})
}

// resume has the run go on, while the workers send what was handed over.
func (s *story) resume(ctx context.Context) error {
	for range 2 {
		if err := postproof.Sleep(ctx, s.clock, 2*time.Minute); err != nil {
			return err
		}
		p, err := s.client.ReplayProgress(ctx, run1)
		if err != nil {
			return err
		}
		s.tell("  %s", p.Bar(24))
	}
	return s.client.ResumeReplay(ctx, run1, client.Actor{By: operator, Why: "it is"})
}

// report says how it went, against the targets.
func (s *story) report(ctx context.Context) error {
	r, err := s.client.ReplayReport(ctx, run1)
	if err != nil {
		return err
	}
	for _, t := range r.Objectives {
		s.tell("  target %.0f %% within %s: %s, after %s", 100*t.Share, t.Within, t.Verdict, t.Took.Round(time.Second))
		s.result.Targets = append(s.result.Targets, t.Verdict)
	}
	for _, l := range r.Left {
		s.tell("  left: %d %s (%s)", l.Jobs, l.State, l.Reason)
	}
	s.result.Recovered, s.result.ToRecover = r.Recovered, r.Total
	return nil
}

// replayAgain replays what is finished: the same list, and the same list as
// another program writes it.
func (s *story) replayAgain(ctx context.Context) error {
	s.chapter("The same list is replayed again, and once more with its columns in another order")
	shuffled, err := snapshot.Take(ctx, snapshot.CSV(strings.NewReader(reversed(contacts)), snapshot.Mapping{}), snapshot.Options{
		Campaign: campaign, Source: "from the other system", Store: s.lists, Clock: s.clock,
	})
	if err != nil {
		return err
	}
	before := s.sends()
	for _, again := range []client.Replay{replayOf(s.now, "again"), replayOf(shuffled, "other-system")} {
		p, err := s.client.PlanReplay(ctx, again)
		if err != nil {
			return err
		}
		if _, err := s.client.RunReplay(ctx, p, client.Actor{By: operator, Why: "to be sure"}, client.ReplayOptions{}); err != nil {
			return err
		}
		s.result.PlannedAgain += p.Sends()
	}
	if _, err := s.client.Drain(ctx); err != nil {
		return err
	}
	s.result.SentAgain = s.sends() - before
	s.tell("  planned %d, sent %d", s.result.PlannedAgain, s.result.SentAgain)
	return nil
}

// reversed is the list with its columns in the other order. None of its cells
// holds a comma.
func reversed(list string) string {
	var out strings.Builder
	for line := range strings.Lines(list) {
		cells := strings.Split(strings.TrimSpace(line), ",")
		slices.Reverse(cells)
		out.WriteString(strings.Join(cells, ",") + "\r\n")
	}
	return out.String()
}

// remail sends one piece twice, on purpose. Asked for once more, it is the same.
func (s *story) remail(ctx context.Context) error {
	s.chapter("A customer's postcard came torn: one more, on purpose")
	key := postproof.DeriveKey(campaign, torn, card().Name)
	var second idempotency.ID
	for range 2 {
		rec, err := s.client.Remail(ctx, key, client.Remail{Name: "torn"}, client.Actor{By: operator, Why: "it came torn"})
		if err != nil {
			return err
		}
		if second != "" && second != rec.ID {
			return errors.New("asked for once more, it became a third piece")
		}
		second = rec.ID
	}
	if _, err := s.client.Drain(ctx); err != nil {
		return err
	}
	for e, err := range s.client.Changes(ctx, client.ChangeQuery{}) {
		if err != nil {
			return err
		}
		s.tell("  %2d  %s  %-7s %-10s %-36s %s", e.N, e.At.UTC().Format("15:04"), e.Action, e.Target.Kind, short(e.Target.Name), e.Why)
	}
	return nil
}

func short(name string) string {
	if len(name) > 36 {
		return name[:16] + "…"
	}
	return name
}
