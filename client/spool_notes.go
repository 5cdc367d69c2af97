package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/postproof/postproof/client/internal/spool"
	"github.com/postproof/postproof/idempotency"
)

// The ledger keeps which folders answers were spooled in, or may have been: where an
// option names another one, or none, they would lie there and nobody would be told. A
// client notes its folder before it sends anything, as the ledger is away when an answer
// is spooled, and now and then again. It takes the note back when it is closed, if nothing is
// left there.
//
// A folder is known by a file in it with a random name. A host and a path only say where
// it was seen last: there may be another folder on a machine of the same name, and none
// while a disk is not mounted.

const (
	spoolsSetting = "spool/folders"
	// notedEvery is how often a client says that it has its folder, leftAfter when one
	// that said nothing is believed to have gone, and forgottenAfter when its folder is
	// no more looked for.
	notedEvery     = 10 * time.Minute
	leftAfter      = 3 * notedEvery
	forgottenAfter = 90 * 24 * time.Hour
	// maxSpoolFolders and maxSpoolUsers bound what is noted; there may be more folders
	// while more clients live.
	maxSpoolFolders = 64
	maxSpoolUsers   = 16
)

// spoolNote is a folder as the ledger knows it.
type spoolNote struct {
	ID string `json:"id"`
	// Ledger is whose answers are spooled there: a copied ledger has the notes of its
	// original.
	Ledger idempotency.Namespace `json:"ledger"`
	Host   string                `json:"host"`
	Dir    string                `json:"dir"`
	Seen   time.Time             `json:"seen"`
	// Users are the clients that have it, and when each said so.
	Users map[string]time.Time `json:"users,omitempty"`
	// Holds is how many answers lay there then.
	Holds int `json:"holds,omitempty"`
}

// left reports whether no client that has it is believed to live.
func (n *spoolNote) left(now time.Time) bool {
	for _, at := range n.Users {
		if now.Sub(at) <= leftAfter {
			return false
		}
	}
	return true
}

// here reports whether it is on this machine, as far as that can be seen.
func (n *spoolNote) here() bool { return spool.Here(n.Dir, n.ID) }

// use notes that a client has it.
func (n *spoolNote) use(by string, now time.Time) {
	if n.Users == nil {
		n.Users = map[string]time.Time{}
	}
	n.Users[by] = now
	maps.DeleteFunc(n.Users, func(_ string, at time.Time) bool { return now.Sub(at) > leftAfter })
	for len(n.Users) > maxSpoolUsers {
		oldest := by
		for name, at := range n.Users {
			if at.Before(n.Users[oldest]) {
				oldest = name
			}
		}
		delete(n.Users, oldest)
	}
}

// readSpools reads what is noted, with the version of the setting.
func (c *Client) readSpools(ctx context.Context) ([]spoolNote, uint64, error) {
	set, err := c.store.Setting(ctx, spoolsSetting)
	if err != nil {
		return nil, 0, spoolsError(err)
	}
	var notes []spoolNote
	if len(set.Value) > 0 && json.Unmarshal(set.Value, &notes) != nil {
		c.logger.LogAttrs(ctx, slog.LevelError, "the ledger's list of spool folders is damaged, and begun anew: look for files answers-*.jsonl where workers had other spool folders than now",
			slog.String("setting", spoolsSetting))
		notes = nil
	}
	return notes, set.Version, nil
}

// editSpools changes what is noted.
func (c *Client) editSpools(ctx context.Context, edit func([]spoolNote) []spoolNote) ([]spoolNote, error) {
	for range 2 * maxSpoolFolders { // who loses, loses to one that is through
		notes, version, err := c.readSpools(ctx)
		if err != nil {
			return nil, err
		}
		notes = edit(notes)
		w, err := writing(spoolsSetting, notes, version)
		if err != nil {
			return nil, err
		}
		switch err := idempotency.CommitOne(ctx, c.store, idempotency.Change{Settings: []idempotency.SettingWrite{w}}); {
		case errors.Is(err, idempotency.ErrStale): // another client has noted its own
		case err != nil:
			return nil, spoolsError(err)
		default:
			return notes, nil
		}
	}
	return nil, spoolsError(idempotency.ErrStale)
}

const opSpools = "spool folders"

// spoolsError: nothing is sent meanwhile.
func spoolsError(err error) error {
	return notSent(codeOfStore(err), opSpools, fmt.Errorf("ledger: %w", err))
}

// withOwnSpool notes the client's folder, and leaves out what need not be noted any more.
func (c *Client) withOwnSpool(ctx context.Context, notes []spoolNote, ledger idempotency.Namespace, now time.Time) []spoolNote {
	own := spoolNote{ID: c.spooled.Mark(), Ledger: ledger}
	var kept []spoolNote
	for i := range notes {
		n := &notes[i]
		switch {
		case n.Ledger != ledger:
		case c.spooled.Is(n.ID):
			own = *n
		case !n.left(now):
			kept = append(kept, *n)
		case now.Sub(n.Seen) > forgottenAfter:
			c.forgetSpool(ctx, n, "it was not seen for long")
		case n.here():
			if found, err := spool.Look(n.Dir); err != nil || !found.EmptyFor(ledger) {
				kept = append(kept, *n)
			}
		default:
			kept = append(kept, *n)
		}
	}
	rank := func(n *spoolNote) int {
		switch {
		case !n.left(now):
			return 2
		case n.Holds > 0:
			return 1
		default: // forgotten first: no answer is known to lie there
			return 0
		}
	}
	slices.SortStableFunc(kept, func(a, b spoolNote) int { return cmp.Or(rank(&b)-rank(&a), b.Seen.Compare(a.Seen)) })
	for len(kept) >= maxSpoolFolders && kept[len(kept)-1].left(now) {
		c.forgetSpool(ctx, &kept[len(kept)-1], "too many others are noted")
		kept = kept[:len(kept)-1]
	}
	own.Host, _ = os.Hostname() // for people; an empty one will do
	own.Dir, own.Seen = c.spooled.Dir(), now
	own.use(c.hints.self, now)
	if found, err := c.spooled.Look(); err == nil {
		own.Holds = len(found.Of(ledger))
	}
	return append(kept, own)
}

func (c *Client) forgetSpool(ctx context.Context, n *spoolNote, why string) {
	c.logger.LogAttrs(ctx, slog.LevelWarn, "a spool folder, which may hold vendors' answers, is noted no more: look into it", slog.String("host", n.Host), slog.String("folder", n.Dir),
		slog.Time("seen", n.Seen), slog.String("reason", why))
}

// leaveSpool takes the note back, unless something is left in the folder or somebody
// else has it; as far as that is quickly done: else who looks there next does.
func (c *Client) leaveSpool(ctx context.Context) {
	if c.onlooker || c.spooled.Dir() == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	ledger, now := c.id().Namespace, c.now()
	found, err := c.spooled.Look()
	_, _ = c.editSpools(ctx, func(notes []spoolNote) []spoolNote {
		for i := range notes {
			if n := &notes[i]; n.Ledger == ledger && c.spooled.Is(n.ID) {
				if n.Seen = now; err == nil {
					n.Holds = len(found.Of(ledger))
				}
				delete(n.Users, c.hints.self)
			}
		}
		return slices.DeleteFunc(notes, func(n spoolNote) bool {
			return n.Ledger == ledger && c.spooled.Is(n.ID) && len(n.Users) == 0 && err == nil && found.EmptyFor(ledger)
		})
	})
}
