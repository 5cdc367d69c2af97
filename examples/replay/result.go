package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/internal/verify"
	"github.com/postproof/postproof/snapshot"
)

// torn is who gets a second piece on purpose.
const torn = "c005"

// result is what came of the story. What is on paper comes from the vendor's
// print log and the lists alone.
type result struct {
	// Jobs is how many rows can be mailed in the end, Suppressed how many of them
	// are left out.
	Jobs       int `json:"jobs"`
	Suppressed int `json:"suppressed"`
	// Unknown outcomes were left by the outage.
	Unknown int `json:"unknown"`
	// Planned is how many the replay was to send, Recovered how many of ToRecover
	// came to be with the vendor.
	Planned   int64                     `json:"planned"`
	Recovered int64                     `json:"recovered"`
	ToRecover int64                     `json:"to_recover"`
	Targets   []client.ObjectiveVerdict `json:"targets"`
	// PlannedAgain and SentAgain are what further replays would send, and sent.
	PlannedAgain int64         `json:"planned_again"`
	SentAgain    int64         `json:"sent_again"`
	Paper        verify.Report `json:"paper"`
}

// count compares the print log with the list: those who asked for no mail after
// they had got it count, the others do not, and one has two.
func (s *story) count(ctx context.Context) error {
	s.clock.Advance(48 * time.Hour) // by then the last batch has gone to press
	s.chapter("Two days later, by the vendor's print log")
	var list, prints bytes.Buffer
	w := csv.NewWriter(&list)
	rows := [][]string{{"contact_id", "address_line1", "address_line2", "city", "state", "postal_code"}}
	for row, err := range s.now.Rows(ctx) {
		if err != nil {
			return err
		}
		a := row.Address
		cells := []string{row.ContactID, a.Line1, a.Line2, a.City, a.Region, a.PostalCode}
		switch mailed, err := s.mailedBefore(ctx, row); {
		case err != nil:
			return err
		case !mailed:
			continue
		case row.ContactID == torn:
			rows = append(rows, append([]string{torn + " again"}, cells[1:]...))
		}
		rows = append(rows, cells)
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	enc := json.NewEncoder(&prints)
	for _, line := range s.plant.Prints() {
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	var err error
	if s.result.Paper, err = verify.Campaign(&list, &prints); err != nil {
		return err
	}
	p := s.result.Paper
	s.tell("  on paper %d of %d, one of them twice on purpose; printed twice by mistake %d, lost %d", p.Printed, p.Expected, p.PrintedTwice, p.Lost)
	if s.result.verdict() == nil {
		s.tell("\nEvery piece is on paper once, and the replays of what was finished sent nothing.")
	}
	return nil
}

// mailedBefore reports whether a row is to be mailed: whoever asked for no mail
// is not, but for one who had got it by then.
func (s *story) mailedBefore(ctx context.Context, row snapshot.Row) (bool, error) {
	code, err := snapshot.Suppressed(ctx, asked(), row.ContactID, row.Address)
	return code == "" || row.ContactID == "c003", err
}

// verdict returns everything that went wrong.
func (r *result) verdict() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := r.Paper.Err(); err != nil {
		errs = append(errs, err)
	}
	if want := r.Jobs - r.Suppressed + 1; r.Paper.Printed != want {
		wrong("%d pieces on paper, want %d", r.Paper.Printed, want)
	}
	if r.Unknown == 0 {
		wrong("the outage left nothing in doubt: it proves nothing")
	}
	if r.Planned == 0 || r.Recovered != r.ToRecover {
		wrong("%d of %d recovered, %d were planned to be sent", r.Recovered, r.ToRecover, r.Planned)
	}
	for _, v := range r.Targets {
		if v != client.ObjectiveMet {
			wrong("a target was %s", v)
		}
	}
	if r.PlannedAgain != 0 || r.SentAgain != 0 {
		wrong("replays of what was finished planned %d and sent %d", r.PlannedAgain, r.SentAgain)
	}
	return errors.Join(errs...)
}
