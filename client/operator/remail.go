package operator

import (
	"context"
	"flag"
	"fmt"

	"github.com/postproof/postproof/client"
)

func remailCommand() *command {
	var name, why string
	return &command{
		name: "remail", args: "JOB", short: "a second piece of a job, on purpose", least: 1, most: 1, changes: true,
		long: `
Sends the content of a job once more, on purpose, as a job of its own. The same -name again sends nothing: a
third piece takes another name. The first one must be with a vendor, or at its end. It needs the vendors'
credentials: what can be sent depends on what they can do.

  $ remail 3f9a1c -name complaint-4711 -why "it arrived torn"`,
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&name, "name", "", "tells a second piece from a third; letters, digits and ._-")
			fs.StringVar(&why, "why", "", "the `reason`, for the record; no personal data")
		},
		run: func(ctx context.Context, r *run, args []string) error {
			if name == "" || why == "" {
				return usage("say -name and -why: they are written down with your name")
			}
			rec, err := r.find(ctx, args[0])
			if err != nil {
				return err
			}
			c, err := r.withVendors(ctx)
			if err != nil {
				return err
			}
			if rec.Tombstone {
				return fmt.Errorf("job %s was erased: its content is gone; hand in a new job", short(rec.ID))
			}
			in := intent{Jobs: 1, Mails: 1, Twice: 1, Does: []string{fmt.Sprintf("Send a second piece of job %s, which is %s; on paper by now: %s.", short(rec.ID), rec.State, paperOf(rec))}}
			if err := r.confirm(in); err != nil {
				return err
			}
			second, err := c.Remail(ctx, rec.Key, client.Remail{Name: name}, r.actor(why))
			if err != nil {
				return err
			}
			r.out.object(r.jobOf(second))
			r.out.text("Job %s is the second piece, and is %s.", short(second.ID), second.State)
			return nil
		},
	}
}
