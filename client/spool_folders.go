package client

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/internal/spool"
	"github.com/postproof/postproof/idempotency"
)

// spooler is implemented by stores that have a place beside them.
type spooler interface{ SpoolDir() string }

// openSpool opens the client's spool. Where no option and no store names a folder it is
// one of those that the ledger has noted on this machine, if answers lie there.
func (c *Client) openSpool(ctx context.Context, id *idempotency.Identity) error {
	dir := c.spool
	if s, ok := c.store.(spooler); ok && dir == "" {
		dir = s.SpoolDir()
	}
	var others []spoolNote
	if c.onlooker || dir == "" {
		notes, _, err := c.readSpools(ctx)
		if err != nil {
			return err
		}
		if !id.EpochChanged() { // a copy has the notes of its original
			others = slices.DeleteFunc(notes, func(n spoolNote) bool { return n.Ledger != id.Namespace || !n.here() })
		}
	}
	var err error
	if c.onlooker {
		c.spooled, err = lookAtSpool(dir, others, id.Namespace)
	} else {
		c.spooled, err = spool.Open(dir, id.Namespace)
	}
	if err != nil {
		return invalid("new client", err)
	}
	for i := range others {
		if c.onlooker || c.spooled.Dir() != "" {
			break
		}
		n := &others[i]
		found, err := spool.Look(n.Dir)
		if err == nil && len(found.Of(id.Namespace)) > 0 {
			var s *spool.Spool
			if s, err = spool.Open(n.Dir, id.Namespace); err == nil {
				c.spooled = s
			}
		}
		if err != nil {
			c.tellNotTakenOver(ctx, n, err)
		}
	}
	if err := c.tendSpools(ctx, id); err != nil {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "the spool folder could not be noted in the ledger: nothing is sent before it is", slog.String("error", err.Error()))
	}
	return nil
}

// tendSpools notes the folder, when that is due, and takes over the answers in others on
// this machine, which no option names any more: at the start, and when the ledger was
// recovered, whoever has them, then what was left.
func (c *Client) tendSpools(ctx context.Context, id *idempotency.Identity) error {
	if c.onlooker || c.spooled.Dir() == "" || c.closed.Load() {
		return nil
	}
	now, same := c.now(), c.notedIn(id)
	due := c.noting.due(now, notedEvery)
	if !due && same {
		return nil
	}
	select { // one after the other: many at once would all lose to each other
	case c.tending <- struct{}{}:
		defer func() { <-c.tending }()
	case <-ctx.Done():
		return &postproof.Error{Code: postproof.CodeOf(ctx.Err()), Delivery: postproof.NotSent, Op: opSpools, Err: context.Cause(ctx)}
	}
	if same = c.notedIn(id); !due && same {
		return nil // somebody else has done it meanwhile
	}
	notes, err := c.editSpools(ctx, func(notes []spoolNote) []spoolNote { return c.withOwnSpool(ctx, notes, id.Namespace, now) })
	if err != nil {
		c.noted.Store(nil)
		return err
	}
	c.noted.Store(id)
	for i := range notes {
		n := &notes[i]
		switch {
		case id.EpochChanged(), n.Ledger != id.Namespace, c.spooled.Is(n.ID):
			// A copy has the notes of its original, whose answers are not for it.
		case n.here():
			if !same || n.left(now) {
				c.takeOver(ctx, n)
			}
		case !same && n.left(now) && n.Holds > 0:
			c.logger.LogAttrs(ctx, slog.LevelWarn, "vendors' answers lie in the spool folder of a worker that has ended, elsewhere: start one there, or move its files answers-*.jsonl into the spool folder of another one, and start that again",
				slog.String("host", n.Host), slog.String("folder", n.Dir), slog.Int("answers", n.Holds))
		}
	}
	return nil
}

// notedIn reports whether the folder was noted in the ledger as it is now.
func (c *Client) notedIn(id *idempotency.Identity) bool {
	last := c.noted.Load()
	return last != nil && last.Namespace == id.Namespace && last.Epoch == id.Epoch && last.Recovered == id.Recovered
}

func (c *Client) takeOver(ctx context.Context, n *spoolNote) {
	before, _, _ := c.spooled.Count()
	err := c.spooled.TakeOver(n.Dir, n.Ledger)
	after, _, _ := c.spooled.Count()
	if after > before {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "vendors' answers lay in a spool folder that is not this client's: they are taken over", slog.String("folder", n.Dir), slog.Int("answers", after-before))
	}
	if err != nil {
		c.tellNotTakenOver(ctx, n, err)
	}
}

func (c *Client) tellNotTakenOver(ctx context.Context, n *spoolNote, err error) {
	c.logger.LogAttrs(ctx, slog.LevelError, "vendors' answers may lie in a spool folder that is not this client's, and cannot be taken over: let the workers' user read and write it, or move its files answers-*.jsonl into the present one, and start again",
		slog.String("folder", n.Dir), slog.String("error", err.Error()))
}

// SpoolFolder is a folder that answers of vendors were spooled in, or may have been
// ([WithSpool]), as the ledger knows it.
type SpoolFolder struct {
	// Host and Dir are where it was seen last, at the time Seen.
	Host, Dir string
	Seen      time.Time
	// InUse: a client that has it said so in the last half hour, and applies what lies
	// there. Else it was left.
	InUse bool
	// Here: it is on this machine. Then Answers and Damaged are how many answers of this
	// ledger lie there now, and how many files that cannot be read, or Err is why nobody
	// can tell; what was left is taken over by the next client that is made here. Else
	// Answers is what lay there at the time Seen: there may be more.
	Here             bool
	Answers, Damaged int
	Err              error
}

// SpoolFolders returns the spool folders of this ledger's clients, on whatever machine,
// but for those that were seen to be left with nothing in them. Each client notes its own
// before it sends anything. Answers in one that was left, and is not here, are in no
// ledger until a client is made on its machine, or its files answers-*.jsonl are moved
// into the folder of another client that is made then. One that was not seen for 90 days
// is forgotten, and there are 64 of them at most, unless more are in use.
func (c *Client) SpoolFolders(ctx context.Context) ([]SpoolFolder, error) {
	notes, _, err := c.readSpools(ctx)
	if err != nil {
		return nil, err
	}
	ledger, now := c.id().Namespace, c.now()
	var all []SpoolFolder
	for i := range notes {
		n := &notes[i]
		if n.Ledger != ledger {
			continue
		}
		f := SpoolFolder{Host: n.Host, Dir: n.Dir, Seen: n.Seen, InUse: !n.left(now), Here: n.here(), Answers: n.Holds}
		if f.Here {
			var found spool.Found
			found, f.Err = spool.Look(n.Dir)
			f.Answers, f.Damaged = len(found.Of(ledger)), found.Damaged
			if !f.InUse && f.Err == nil && found.EmptyFor(ledger) {
				continue
			}
		}
		all = append(all, f)
	}
	return all, nil
}
