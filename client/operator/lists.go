package operator

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof/snapshot"
)

// snapshotView is a frozen list in JSON.
type snapshotView struct {
	Type     string      `json:"type"`
	ID       snapshot.ID `json:"id"`
	Campaign string      `json:"campaign,omitempty"`
	TakenAt  time.Time   `json:"taken_at,omitzero"`
	Accepted int         `json:"accepted"`
	Rejected int         `json:"rejected"`
	// Verified says that every byte was read and is what was frozen.
	Verified bool   `json:"verified"`
	Problem  string `json:"problem,omitempty"`
	File     string `json:"file,omitempty"`
}

func snapshotCommand() *command {
	var to string
	return &command{
		name: "snapshot", args: "list | verify [ID…] | export ID -to FILE", short: "the frozen lists: list, verify every byte, export", least: 1, most: -1,
		long: `
Looks at the frozen lists. verify reads every byte and says whether it is what was frozen; without an id it
takes all. export writes one list as a zip file, which holds names and addresses, not encrypted: it goes to
a file only, for its owner's eyes, and never to the screen. An id may be cut to its beginning.

  $ snapshot list
  $ snapshot verify
  $ snapshot export 5b1f09 -to spring.zip

It exits 3 when a list is not what was frozen.`,
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&to, "to", "", "with export: the `file`, which must not be there")
		},
		run: func(ctx context.Context, r *run, args []string) error {
			if r.Snapshots == nil {
				return usage("there are no snapshots to look at: say where they are")
			}
			store, err := r.Snapshots(ctx)
			if err != nil {
				return err
			}
			switch verb, ids := args[0], args[1:]; {
			case verb == "list" && len(ids) == 0:
				return r.listSnapshots(ctx, store)
			case verb == "verify":
				return r.verifySnapshots(ctx, store, ids)
			case verb == "export" && len(ids) == 1 && to != "":
				return r.exportSnapshot(ctx, store, ids[0], to)
			default:
				return usage("want list, verify [ID…], or export ID -to FILE")
			}
		},
	}
}

func (r *run) listSnapshots(ctx context.Context, store snapshot.Store) error {
	t := newTable("ID", "~CAMPAIGN", "TAKEN (UTC)", ">ACCEPTED", ">REJECTED", "~PROBLEM")
	bad := false
	for id, err := range store.List(ctx) {
		if err != nil {
			return fmt.Errorf("list the snapshots: %w", err)
		}
		v := snapshotView{Type: "snapshot", ID: id}
		m, err := manifestOf(ctx, store, id)
		if err != nil {
			v.Problem, bad = "its manifest cannot be read: verify it", true
		}
		v.Campaign, v.TakenAt, v.Accepted, v.Rejected = m.Campaign, m.TakenAt.UTC(), m.Counts.Accepted, m.Counts.Rejected
		r.out.object(v)
		t.add(shortList(id), v.Campaign, moment(v.TakenAt, r.Clock.Now()), number(v.Accepted), number(v.Rejected), v.Problem)
	}
	r.out.text("%s, not verified", many(len(t.rows), "snapshot"))
	r.out.list(t)
	return needsPerson(bad)
}

func shortList(id snapshot.ID) string { return string(id[:min(shortID, len(id))]) }

// manifestOf reads a manifest as it lies there.
func manifestOf(ctx context.Context, store snapshot.Store, id snapshot.ID) (m snapshot.Manifest, err error) {
	f, err := store.Open(ctx, id, "manifest.json")
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return m, json.NewDecoder(io.LimitReader(f, 64<<20)).Decode(&m)
}

// snapshots returns the ids that are meant; all without a name.
func snapshots(ctx context.Context, store snapshot.Store, names []string) ([]snapshot.ID, error) {
	var all []snapshot.ID
	for id, err := range store.List(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list the snapshots: %w", err)
		}
		all = append(all, id)
	}
	if len(names) == 0 {
		return all, nil
	}
	var meant []snapshot.ID
	for _, name := range names {
		found := slices.DeleteFunc(slices.Clone(all), func(id snapshot.ID) bool { return !strings.HasPrefix(string(id), strings.ToLower(name)) })
		switch len(found) {
		case 0:
			return nil, fmt.Errorf("there is no snapshot %s: see snapshot list", name)
		case 1:
			meant = append(meant, found[0])
		default:
			return nil, usage("%s means %d snapshots: use more of the id", name, len(found))
		}
	}
	return meant, nil
}

func (r *run) verifySnapshots(ctx context.Context, store snapshot.Store, names []string) error {
	ids, err := snapshots(ctx, store, names)
	if err != nil {
		return err
	}
	t := newTable("ID", "~CAMPAIGN", "TAKEN (UTC)", ">ACCEPTED", ">REJECTED", "~RESULT")
	bad := 0
	for _, id := range ids {
		v := snapshotView{Type: "snapshot", ID: id}
		s, err := snapshot.Open(ctx, store, id)
		switch {
		case errors.Is(err, snapshot.ErrCorrupt):
			v.Problem = err.Error()
			bad++
		case err != nil:
			return fmt.Errorf("verify snapshot %s: %w", shortList(id), err)
		default:
			m := s.Manifest()
			v.Campaign, v.TakenAt, v.Accepted, v.Rejected, v.Verified = m.Campaign, m.TakenAt.UTC(), m.Counts.Accepted, m.Counts.Rejected, true
		}
		r.out.object(v)
		t.add(shortList(id), v.Campaign, moment(v.TakenAt, r.Clock.Now()), number(v.Accepted), number(v.Rejected), orText(v.Problem, "verified"))
	}
	r.out.text("%s, %s damaged", many(len(ids), "snapshot"), number(bad))
	r.out.list(t)
	return needsPerson(bad > 0)
}

func (r *run) exportSnapshot(ctx context.Context, store snapshot.Store, name, to string) (err error) {
	ids, err := snapshots(ctx, store, []string{name})
	if err != nil {
		return err
	}
	s, err := snapshot.Open(ctx, store, ids[0])
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("the file to export to: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	if err := errors.Join(snapshot.Export(ctx, s, f), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("export snapshot %s: %w", shortList(ids[0]), err)
	}
	m := s.Manifest()
	r.out.object(snapshotView{
		Type: "export", ID: ids[0], Campaign: m.Campaign, TakenAt: m.TakenAt.UTC(), Accepted: m.Counts.Accepted, Rejected: m.Counts.Rejected, Verified: true, File: to,
	})
	r.out.text("%s written: snapshot %s of campaign %s, %s. It holds names and addresses, not encrypted.", to, shortList(ids[0]), m.Campaign, many(m.Counts.Accepted, "row"))
	return nil
}
