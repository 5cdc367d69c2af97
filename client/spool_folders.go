package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// markPrefix begins the name of the file that a spool folder is known by.
const markPrefix = "spool-"

// is reports whether the note is of the spool's own folder. Two that make a folder at the
// same time may know it by a file each.
func (s *spool) is(n *spoolNote) bool {
	if n.ID == s.mark {
		return true
	}
	_, err := os.Stat(filepath.Join(s.dir, markPrefix+n.ID))
	return n.ID != "" && err == nil
}

// markSpool returns what the folder is known by.
func markSpool(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", pathless(err)
	}
	for _, e := range entries {
		if id, ok := strings.CutPrefix(e.Name(), markPrefix); ok && id != "" {
			return id, nil
		}
	}
	id := rand.Text()
	f, err := os.OpenFile(filepath.Join(dir, markPrefix+id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // our own folder
	if err != nil {
		return "", pathless(err)
	}
	return id, errors.Join(pathless(f.Close()), syncDir(dir))
}

// syncDir makes the names of files in a folder durable.
func syncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil // cannot sync a folder; NTFS journals its entries
	}
	dir, err := os.Open(name) //nolint:gosec // our own folder
	if err != nil {
		return pathless(err)
	}
	return pathless(errors.Join(dir.Sync(), dir.Close()))
}

// spoolLook is what lies in a folder.
type spoolLook struct {
	answers []spooled
	// damaged is how many files have lines that cannot be read.
	damaged int
	// moved: a file was gone before it was read. Who takes it over gives it another name.
	moved bool
}

// lookInto reads what lies in a folder, and leaves it there.
func lookInto(dir string) (found spoolLook, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return found, fmt.Errorf("spool folder: %w", pathless(err))
	}
	for _, e := range entries {
		if ok, _ := filepath.Match(damagedPattern, e.Name()); ok {
			found.damaged++
		}
		if ok, _ := filepath.Match(spoolPattern, e.Name()); !ok {
			continue
		}
		lines, whole, err := readSpool(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			found.moved = true
			continue
		}
		if err != nil {
			return found, err
		}
		if !whole {
			found.damaged++
		}
		found.answers = append(found.answers, lines...)
	}
	return found, nil
}

// look is lookInto for the spool's own folder. That of a disk which is not mounted any more is
// not empty.
func (s *spool) look() (spoolLook, error) {
	if _, err := os.Stat(filepath.Join(s.dir, markPrefix+s.mark)); err != nil {
		return spoolLook{}, pathless(err)
	}
	return lookInto(s.dir)
}

// of returns the answers that are not of another ledger.
func (l *spoolLook) of(ledger idempotency.Namespace) []spooled {
	return slices.DeleteFunc(slices.Clone(l.answers), func(e spooled) bool { return e.Ledger != "" && e.Ledger != ledger })
}

// emptyFor reports whether nothing in the folder can be the ledger's.
func (l *spoolLook) emptyFor(ledger idempotency.Namespace) bool {
	return l.damaged == 0 && !l.moved && len(l.of(ledger)) == 0
}

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
		c.spooled, err = openSpool(dir, id.Namespace)
	}
	if err != nil {
		return invalid("new client", err)
	}
	for i := range others {
		if c.onlooker || c.spooled.dir != "" {
			break
		}
		n := &others[i]
		found, err := lookInto(n.Dir)
		if err == nil && len(found.of(id.Namespace)) > 0 {
			var s *spool
			if s, err = openSpool(n.Dir, id.Namespace); err == nil {
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
	if c.onlooker || c.spooled.dir == "" || c.closed.Load() {
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
		case id.EpochChanged(), n.Ledger != id.Namespace, c.spooled.is(n):
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
	before, _, _ := c.spooled.count()
	err := c.spooled.takeOver(n.Dir, n.Ledger)
	after, _, _ := c.spooled.count()
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
			var found spoolLook
			found, f.Err = lookInto(n.Dir)
			f.Answers, f.Damaged = len(found.of(ledger)), found.damaged
			if !f.InUse && f.Err == nil && found.emptyFor(ledger) {
				continue
			}
		}
		all = append(all, f)
	}
	return all, nil
}
