package operator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/snapshot"
)

// listArgs are the flags of a replay of a frozen list's rows.
type listArgs struct {
	list, job string
	variables columns
	suppress  paths
	refused   bool
	unknown   bool
}

func (a *listArgs) flags(fs *flag.FlagSet) {
	fs.StringVar(&a.list, "list", "", "the rows of a frozen list, by its `id`")
	fs.StringVar(&a.job, "job", "", "with -list: a `file` with a job as JSON, without its recipient: what is printed, and as key the drop's name")
	a.variables, a.suppress = nil, nil
	fs.Var(&a.variables, "var", "with -list: fill a variable of the job's template from a column, given as `name=column`; may be repeated")
	fs.Var(&a.suppress, "suppress", "with -list: a CSV `file` of contacts or addresses not to be mailed by now; may be repeated")
	fs.BoolVar(&a.refused, "refused", false, "with -list: send what was refused again")
	fs.BoolVar(&a.unknown, "unknown", false, "with -list: that the ledger knows none of the rows is right")
}

// columns are a template's variables and the columns that fill them.
type columns map[string]string

func (c *columns) String() string { return "" }

// Set adds a variable.
func (c *columns) Set(s string) error {
	name, column, ok := strings.Cut(s, "=")
	if !ok || name == "" || column == "" {
		return errors.New("want name=column")
	}
	if *c == nil {
		*c = columns{}
	}
	(*c)[name] = column
	return nil
}

// paths are files.
type paths []string

func (p *paths) String() string { return "" }

// Set adds a file.
func (p *paths) Set(s string) error {
	*p = append(*p, s)
	return nil
}

// check returns an error for flags that mean something only together.
func (a *listArgs) check() error {
	switch {
	case a.list != "" && a.job == "":
		return usage("-list wants -job: the ledger does not have what was to be printed for rows that it does not know")
	case a.list == "" && (a.job != "" || len(a.variables) > 0 || len(a.suppress) > 0 || a.refused || a.unknown):
		return usage("-job, -var, -suppress, -refused and -unknown are for the rows of a -list")
	default:
		return nil
	}
}

// rows adds the list's rows to a replay.
func (r *run) rows(ctx context.Context, a *listArgs, replay *client.Replay) error {
	if r.Snapshots == nil {
		return usage("there are no snapshots to replay: say where they are")
	}
	store, err := r.Snapshots(ctx)
	if err != nil {
		return err
	}
	ids, err := snapshots(ctx, store, []string{a.list})
	if err != nil {
		return err
	}
	if replay.Snapshot, err = snapshot.Open(ctx, store, ids[0]); err != nil {
		return fmt.Errorf("open the list: %w", err)
	}
	if replay.Drop, err = dropOf(a, replay.Snapshot.Campaign()); err != nil {
		return err
	}
	replay.Refused = a.refused
	for _, path := range a.suppress {
		list, err := suppressed(ctx, path)
		if err != nil {
			return fmt.Errorf("-suppress %s: %w", path, err)
		}
		replay.Suppress = append(replay.Suppress, snapshot.Suppression{Code: snapshot.CodeDoNotMail, List: list})
	}
	return nil
}

// mostTemplate bounds the file with the job: artwork stands in it by reference, or
// as a page of HTML.
const mostTemplate = 16 << 20

// dropOf reads what the jobs of a list have in common. Its errors do not show what
// the file holds.
func dropOf(a *listArgs, campaign string) (client.Drop, error) {
	bad := func(reason string) (client.Drop, error) {
		return client.Drop{}, usage("-job %s: %s", a.job, reason)
	}
	job, err := jobIn(a.job)
	switch {
	case err != nil:
		return client.Drop{}, err
	case job.To != (postproof.Address{}) || job.Contact != "":
		return bad("it has a recipient: those are in the list")
	case job.Key == "":
		return bad("it has no key: that is the drop's name, as it was when the list was first handed in")
	case job.Piece == nil || job.Class == "":
		return bad("it does not say what is printed and how it is mailed: it needs piece and class")
	case job.Campaign != "" && job.Campaign != campaign:
		return bad("it is of another campaign than the list")
	case !job.SendDate.IsZero() || len(job.Metadata) > 0:
		return bad("send_date and metadata are not for the rows of a list")
	}
	return client.Drop{
		Name: string(job.Key), Piece: job.Piece, Class: job.Class, From: job.From, Priority: job.Priority, Variables: a.variables,
	}, nil
}

// jobIn reads a job from a file. Its errors do not show what the file holds.
func jobIn(path string) (job postproof.Job, err error) {
	f, err := os.Open(path) //nolint:gosec // it is the operator's own file
	if err != nil {
		return job, fmt.Errorf("-job: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostTemplate+1))
	switch {
	case err != nil:
		return job, fmt.Errorf("-job: %w", err)
	case len(data) > mostTemplate:
		return job, usage("-job %s: it is too large for a job", path)
	case !json.Valid(data) || json.Unmarshal(data, &job) != nil:
		return postproof.Job{}, usage("-job %s: it is no job as JSON, as a postproof.Job is written", path)
	}
	return job, nil
}

func suppressed(ctx context.Context, path string) (_ *snapshot.SuppressionList, err error) {
	f, err := os.Open(path) //nolint:gosec // it is the operator's own file
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	return snapshot.ReadSuppression(ctx, f, snapshot.SuppressionOptions{})
}

// known returns an error when the ledger has jobs of the list's campaign and none
// of the list's own as the file has them: it is another file, most likely, and
// everybody would be mailed a second time, or the rest with something else.
func (r *run) known(ctx context.Context, c *client.Client, a *listArgs, plan *client.ReplayPlan) error {
	s := plan.Replay.Snapshot
	if s == nil || a.unknown || plan.Count(client.ReplayNew) == 0 ||
		plan.Count(client.ReplayNew, client.ReplayChanged, client.ReplayRejected, client.ReplaySuppressed) < int64(s.Counts().Accepted) {
		return nil
	}
	depth, err := c.Depth(ctx, s.Campaign())
	if err != nil {
		return err
	}
	n := 0
	for _, jobs := range depth {
		n += int(jobs)
	}
	if n == 0 {
		return nil
	}
	return usage("the ledger has %s of campaign %s, and none of the list's rows as -job has them, under the name %q: is it the job with which they were handed in? If they never were, say -unknown",
		many(n, "job"), s.Campaign(), plan.Replay.Drop.Name)
}
