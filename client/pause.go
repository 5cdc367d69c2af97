package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/trace"
)

// CampaignTarget is the [Target] that is a campaign: its pause holds all jobs of
// that name.
func CampaignTarget(name string) Target { return Target{Kind: TargetCampaign, Name: name} }

// VendorTarget is the [Target] that is a vendor, by the name in its capabilities:
// its pause holds what would be sent there.
func VendorTarget(name string) Target { return Target{Kind: TargetVendor, Name: name} }

// BelowPriorityTarget is the [Target] that is everything below a priority: the
// jobs whose [postproof.Job.Priority] is less than least.
func BelowPriorityTarget(least int) Target {
	return Target{Kind: TargetPriority, Name: strconv.Itoa(least)}
}

// String names the target for people, as in "campaign spring" or "priorities
// below 5".
func (t Target) String() string {
	switch {
	case t.Kind == TargetPriority:
		return "priorities below " + t.Name
	case t.Name == "":
		return "the " + string(t.Kind)
	default:
		return string(t.Kind) + " " + t.Name
	}
}

// Paused is a pause that holds.
type Paused struct {
	// Target is what nothing new is sent for: a campaign, a vendor, or everything
	// below a priority.
	Target Target `json:"target"`
	// By is who paused it, Why the reason that was given.
	By  string `json:"by"`
	Why string `json:"why,omitempty"`
	// Since is when, by the ledger's time.
	Since time.Time `json:"since"`
}

// PausedError says that a job is not sent for now, because of a pause. It is
// found with [errors.AsType] in what [Client.Submit] returns.
type PausedError struct{ Paused Paused }

// Error says what was paused, by whom, since when and why.
func (e *PausedError) Error() string {
	text := fmt.Sprintf("%s: paused by %s since %s", e.Paused.Target, e.Paused.By, e.Paused.Since.UTC().Format(time.RFC3339))
	if e.Paused.Why != "" {
		text += ": " + e.Paused.Why
	}
	return text
}

// Pause stops what is sent for a campaign ([CampaignTarget]), through a vendor
// ([VendorTarget]), or below a priority ([BelowPriorityTarget]), until
// [Client.Resume]. It holds for every replica: once Pause has returned, none
// commits another intent for it, be it of a first send, of the next vendor, or of
// a resend whose outcome is unknown. Sends under way finish, with the short
// retries of their call.
//
// Only sending stops. What a vendor has, or may have, is settled by look-ups,
// followed, watched and canceled as ever. A job of a paused campaign or priority
// stays planned. For one whose vendor is paused the next vendor is found, as for
// any vendor that is out of order; it waits where there is none. Jobs can be
// handed in: [Client.Submit] returns a [*PausedError] with
// [postproof.CodeUnavailable] and [postproof.NotSent], and the job is durable.
//
// The time that a job may wait to be sent goes on meanwhile (PlannedFor of
// [WithDeadlines], 30 days): what has passed it at the end of the pause is held,
// for a person who knows whether so late a piece is still wanted. So does the
// window of a vendor's key: an unknown outcome that was not settled before it
// closes is looked up only, or held where the vendor cannot be asked.
//
// Who asks and why, which are both required, are kept in the ledger, in the change log
// and in what other replicas say. The entry returned is that of the change log, which
// [Client.Undo] takes; its N is 0 when the target was paused already, and nothing has
// changed then. A vendor that this client does not have is [postproof.CodeNotFound];
// one with [WithoutVendors] takes any name.
func (c *Client) Pause(ctx context.Context, t Target, who Actor) (_ ChangeEntry, err error) {
	ctx, span := c.tel.call(ctx, "postproof.pause", &err)
	defer endCall(span, &err)
	who, err = who.reasoned("pause")
	if err = cmp.Or(err, checkTarget("pause", t)); err != nil {
		return ChangeEntry{}, err
	}
	aboutTarget(trace.SpanFromContext(ctx), t)
	if t.Kind == TargetVendor && c.byName[t.Name] == nil && !c.onlooker {
		return ChangeEntry{}, c.noVendor("pause", t.Name)
	}
	e, err := c.logged(ctx, "pause", c.pausing(t, who, 0))
	c.paused(ctx)
	return e, err
}

// Resume ends a pause: jobs go on at once in this process, and at the latest
// after their poll interval in others. The reason is required. The entry's N is 0 when the
// target was not paused, and nothing has changed then.
// A vendor that is left alone because it refused the account is not paused: see
// [Client.EndVendorStop].
//
// Jobs that waited for a paused vendor are due at once, which reads the planned
// jobs, some seconds for each hundred thousand; with an error from that, the
// pause has ended nevertheless, and the jobs come back by themselves within half
// an hour.
func (c *Client) Resume(ctx context.Context, t Target, who Actor) (_ ChangeEntry, err error) {
	ctx, span := c.tel.call(ctx, "postproof.resume", &err)
	defer endCall(span, &err)
	who, err = who.reasoned("resume")
	if err = cmp.Or(err, checkTarget("resume", t)); err != nil {
		return ChangeEntry{}, err
	}
	aboutTarget(trace.SpanFromContext(ctx), t)
	e, err := c.logged(ctx, "resume", c.resuming(t, who))
	if err != nil || e.N == 0 {
		c.paused(ctx)
		return e, err
	}
	return e, c.resumed(ctx, t)
}

// Paused returns what is paused, oldest first. It asks the ledger.
func (c *Client) Paused(ctx context.Context) ([]Paused, error) {
	p, err := c.readPauses(ctx, c.id().Epoch)
	if err != nil {
		return nil, err
	}
	return slices.Clone(p.list), p.err()
}

// text makes text of what is none: it would be another one once it was written and
// read.
func text(s string) string { return strings.ToValidUTF8(s, "?") }

func checkTarget(op string, t Target) error {
	switch {
	case t.Name == "":
		return invalid(op, errors.New("the target has no name: use CampaignTarget, VendorTarget or BelowPriorityTarget"))
	case !utf8.ValidString(t.Name), len(t.Name) > 1000:
		return invalid(op, errors.New("the target's name is no text, or longer than 1000 bytes"))
	}
	switch t.Kind {
	case TargetCampaign, TargetVendor:
		return nil
	case TargetPriority:
		if n, err := strconv.Atoi(t.Name); err != nil || strconv.Itoa(n) != t.Name {
			return invalid(op, errors.New("a priority is a number: use BelowPriorityTarget"))
		}
		return nil
	default:
		return invalid(op, fmt.Errorf("a %s cannot be paused: a campaign, a vendor, or what is below a priority", t.Kind))
	}
}
