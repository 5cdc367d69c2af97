package operator

import (
	"context"
	"fmt"
	"time"

	"github.com/postproof/postproof/client"
)

// folderView is a spool folder of a worker, in JSON.
type folderView struct {
	Type string `json:"type"`
	Host string `json:"host"`
	Dir  string `json:"folder"`
	// Seen is when a client that has it said so, or gave it back.
	Seen  time.Time `json:"seen"`
	InUse bool      `json:"in_use"`
	// Here says that it is on this machine.
	Here bool `json:"here"`
	// Answers is how many lie there, or elsewhere lay there when it was seen; Damaged how
	// many files cannot be read.
	Answers int    `json:"answers"`
	Damaged int    `json:"damaged,omitempty"`
	Error   string `json:"error,omitempty"`
	// Needs says that it needs a person, Unknown that it was left elsewhere, and nobody
	// knows what lies there.
	Needs   bool `json:"needs_person"`
	Unknown bool `json:"unknown,omitempty"`
}

func folderOf(f *client.SpoolFolder) folderView {
	v := folderView{Type: "spool_folder", Host: f.Host, Dir: f.Dir, Seen: f.Seen.UTC(), InUse: f.InUse, Here: f.Here, Answers: f.Answers, Damaged: f.Damaged}
	if f.Err != nil {
		v.Error = f.Err.Error()
	}
	switch {
	case f.InUse:
	case f.Here:
		v.Needs = f.Err != nil || f.Answers+f.Damaged > 0
	default:
		v.Needs, v.Unknown = f.Answers > 0, true
	}
	return v
}

// says what is the matter with it, and what to do.
func (v *folderView) says() string {
	const move = "or move its files answers-*.jsonl into the spool folder of a worker that you start then"
	switch {
	case v.InUse:
		return "in use: its worker applies what lies there."
	case v.Error != "":
		return fmt.Sprintf("left by its worker, and cannot be looked into (%s). Look as the workers' user. If answers lie there start a worker here that may read and write it, %s.", v.Error, move)
	case v.Here && v.Answers > 0:
		return fmt.Sprintf("left by its worker with %s, which a worker takes over when it is started here: start one, %s.", many(v.Answers, "answer"), move)
	case v.Here && v.Damaged > 0:
		return many(v.Damaged, "file") + " that cannot be read: damaged, or of a newer version. Give a newer version those damaged-*.jsonl under a name answers-*.jsonl; of what is damaged the vendors are asked, then remove it."
	default:
		with := "Answers may lie there"
		if v.Answers > 0 {
			with = many(v.Answers, "answer") + " lay there"
		}
		return fmt.Sprintf("left by its worker, and not on this machine. %s: start a worker there, %s.", with, move)
	}
}

// spoolFolders returns the folders of the workers.
func spoolFolders(ctx context.Context, c *client.Client) ([]folderView, error) {
	all, err := c.SpoolFolders(ctx)
	views := make([]folderView, len(all))
	for i := range all {
		views[i] = folderOf(&all[i])
	}
	return views, err
}

// listSpoolFolders prints them, and reports whether one needs a person.
func (r *run) listSpoolFolders(all []folderView) (needs bool) {
	if len(all) == 0 {
		return false
	}
	r.out.text("")
	r.out.text("%s of workers", many(len(all), "spool folder"))
	for i := range all {
		v := &all[i]
		r.out.object(*v)
		mark := "   "
		if v.Needs {
			mark, needs = " ! ", true
		}
		r.out.wrapped(mark, fmt.Sprintf("%s on %s, seen %s: %s", v.Dir, orText(v.Host, "a host without a name"), moment(v.Seen, r.Clock.Now()), v.says()))
	}
	return needs
}

// folderTodos says of which folders a person has to know.
func (o *overview) folderTodos(add func(needs bool, press []string, format string, args ...any)) {
	unknown := 0
	for i := range o.folders {
		switch v := &o.folders[i]; {
		case v.Needs:
			add(true, []string{"spool"}, "The spool folder %s on %s: %s", v.Dir, orText(v.Host, "a host without a name"), v.says())
		case v.Unknown:
			unknown++
		}
	}
	if unknown > 0 && o.maybe > 0 {
		add(false, []string{"spool"}, "Vendors' answers about jobs in doubt may lie in %s that workers left, not on this machine.", many(unknown, "spool folder"))
	}
}
