package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/snapshot"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// halfway is a campaign of 20 rows, of which a program handed in 8 and stopped.
type halfway struct {
	sim  *vendorsim.Server
	mail *client.Client
	// at are the flags for all of it, and list is the frozen list.
	at   []string
	list string
	dir  string
}

const (
	rows, handed = 20, 8
)

func campaign(t *testing.T) *halfway {
	t.Helper()
	sim, err := vendorsim.Start(vendorsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	h := &halfway{sim: sim, dir: t.TempDir()}
	ledger, lists, url := filepath.Join(h.dir, "mail.db"), filepath.Join(h.dir, "lists"), sim.URL+"/lob/v1"
	store, err := sqlite.Open(t.Context(), ledger, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if h.mail, err = mailer(t.Context(), store, url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.mail.Close() })
	folder, err := snapshot.OpenFolder(lists)
	if err != nil {
		t.Fatal(err)
	}
	source := "contact_id,name,address,city,state,zip\n"
	for n := range rows {
		source += fmt.Sprintf("c-%d,MARK Twain,%d MARK St,San Francisco,CA,94107\n", n, n+1)
	}
	frozen, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(source), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: folder})
	if err != nil {
		t.Fatal(err)
	}
	if n := frozen.Counts().Accepted; n != rows {
		t.Fatalf("%d rows accepted", n)
	}
	first := card(0)
	n := 0
	out, err := h.mail.Enqueue(t.Context(), func(yield func(postproof.Job, error) bool) {
		for job, err := range client.Jobs(t.Context(), frozen, client.Drop{Name: "card", Piece: first.Piece, Class: first.Class}) {
			if n++; n > handed || !yield(job, err) {
				return
			}
		}
	})
	if err != nil || out.New != handed {
		t.Fatalf("%+v, %v", out, err)
	}
	h.drain(t, handed)
	h.list = string(frozen.ID())[:8]
	h.at = []string{"-store", ledger, "-snapshots", lists, "-vendor-url", "lob=" + url}
	return h
}

// drain has everything sent, and requires so many pieces in all, each once.
func (h *halfway) drain(t *testing.T, pieces int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if _, err := h.mail.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	printed := map[string]int{}
	for _, p := range h.sim.Prints() {
		printed[p.Ref]++
	}
	if len(printed) != pieces || len(h.sim.Prints()) != pieces {
		t.Errorf("%d pieces under %d references, want %d", len(h.sim.Prints()), len(printed), pieces)
	}
}

// file writes the job of the campaign, with a change.
func (h *halfway) file(t *testing.T, name string, change func(*postproof.Job)) string {
	t.Helper()
	job := card(0)
	job.Key, job.To, job.Contact = "card", postproof.Address{}, ""
	if change != nil {
		change(&job)
	}
	data, err := json.MarshalIndent(job, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return h.write(t, name, string(data))
}

func (h *halfway) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (h *halfway) replay(t *testing.T, code int, args ...string) string {
	t.Helper()
	return command(t, code, append(append(append([]string(nil), h.at...), "replay"), args...)...)
}

// What a program left undone of a list is done from the command, with what was to
// be printed from a file: each row once, and nobody who does not want mail any
// more.
func TestReplayOfAList(t *testing.T) {
	t.Parallel()
	h := campaign(t)
	job := h.file(t, "card.json", nil)
	optedOut := h.write(t, "optouts.csv", "contact_id\nc-19\n")
	run := []string{"run", "rest", "-list", h.list, "-job", job, "-suppress", optedOut, "-why", "it stopped half-way"}

	out := h.replay(t, operator.ExitOK, "plan", "-list", h.list, "-job", job, "-suppress", optedOut, "-json")
	var plan struct {
		Total int64 `json:"total"`
		Sends int64 `json:"sends"`
	}
	if err := json.Unmarshal([]byte(out), &plan); err != nil || plan.Total != rows || plan.Sends != rows-handed-1 {
		t.Fatalf("%v: %s", err, out)
	}
	h.replay(t, operator.ExitNotConfirmed, run...)
	h.replay(t, operator.ExitNotConfirmed, append(run, "-yes", "-expect", "20")...)
	h.drain(t, handed)
	h.replay(t, operator.ExitOK, append(run, "-yes", "-expect", "11")...)
	h.drain(t, rows-1)
	if out := h.replay(t, operator.ExitOK, append(run, "-yes")...); !strings.Contains(out, "nothing to do") {
		t.Errorf("again:\n%s", out)
	}
	h.drain(t, rows-1)
}

// Under another name of the drop every row is a new job: everybody would be mailed
// a second time.
func TestReplayOfAListAsksForTheDropsName(t *testing.T) {
	t.Parallel()
	h := campaign(t)
	wrong := h.file(t, "wrong.json", func(j *postproof.Job) { j.Key = "crad" })
	run := []string{"run", "rest", "-list", h.list, "-job", wrong, "-why", "it stopped half-way", "-yes"}
	if out := h.replay(t, operator.ExitUsage, run...); !strings.Contains(strings.Join(strings.Fields(out), " "), "8 jobs of campaign spring") {
		t.Errorf("a name that nothing was handed in under:\n%s", out)
	}
	h.drain(t, handed)
	h.replay(t, operator.ExitOK, append(run, "-unknown", "-expect", "20")...)
	h.drain(t, handed+rows)
}

// Another artwork is another job: what was handed in stays as it is, and the rest
// does not get it by mistake.
func TestReplayOfAListWithAnotherPiece(t *testing.T) {
	t.Parallel()
	h := campaign(t)
	other := h.file(t, "other.json", func(j *postproof.Job) {
		j.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hi</h1>", Back: "<p>there</p>"}}
	})
	if out := h.replay(t, operator.ExitOK, "plan", "-list", h.list, "-job", other); !strings.Contains(out, "changed") {
		t.Errorf("plan:\n%s", out)
	}
	h.replay(t, operator.ExitUsage, "run", "rest", "-list", h.list, "-job", other, "-why", "it stopped half-way", "-yes")
	h.drain(t, handed)
}

func TestReplayOfAListNeedsAJob(t *testing.T) {
	t.Parallel()
	h := campaign(t)
	change := func(name string, change func(*postproof.Job)) []string {
		return []string{"-list", h.list, "-job", h.file(t, name+".json", change)}
	}
	for name, tc := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no job":       {[]string{"-list", h.list}, operator.ExitUsage, "wants -job"},
		"no list":      {[]string{"-job", h.file(t, "a.json", nil)}, operator.ExitUsage, "of a -list"},
		"no file":      {[]string{"-list", h.list, "-job", filepath.Join(h.dir, "none")}, operator.ExitError, "no such file"},
		"no such list": {[]string{"-list", "ffffffff", "-job", h.file(t, "b.json", nil)}, operator.ExitError, "no snapshot"},
		"no JSON":      {[]string{"-list", h.list, "-job", h.write(t, "c.json", "MARK Twain")}, operator.ExitUsage, "no job as JSON"},
		"a recipient":  {change("d", func(j *postproof.Job) { j.To = card(1).To }), operator.ExitUsage, "recipient"},
		"a contact":    {change("e", func(j *postproof.Job) { j.Contact = "c-1" }), operator.ExitUsage, "recipient"},
		"no name":      {change("f", func(j *postproof.Job) { j.Key = "" }), operator.ExitUsage, "the drop's name"},
		"no class":     {change("g", func(j *postproof.Job) { j.Class = "" }), operator.ExitUsage, "piece and class"},
		"no piece":     {change("h", func(j *postproof.Job) { j.Piece = nil }), operator.ExitUsage, "piece and class"},
		"autumn":       {change("i", func(j *postproof.Job) { j.Campaign = "autumn" }), operator.ExitUsage, "another campaign"},
		"metadata":     {change("j", func(j *postproof.Job) { j.Metadata = map[string]string{"a": "b"} }), operator.ExitUsage, "metadata"},
		"a variable of no template": {
			append(change("k", nil), "-var", "name=name"), operator.ExitError, "no template",
		},
		"a column that is none": {append(change("l", nil), "-var", "name"), operator.ExitUsage, "name=column"},
		"opt-outs without ids":  {append(change("m", nil), "-suppress", h.write(t, "n.csv", "color\nred\n")), operator.ExitError, "-suppress"},
		"a query and no list":   {[]string{"-refused", "-campaign", "spring"}, operator.ExitUsage, "of a -list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out := h.replay(t, tc.code, append([]string{"plan"}, tc.args...)...); !strings.Contains(strings.Join(strings.Fields(out), " "), tc.says) {
				t.Errorf("it says:\n%s", out)
			}
		})
	}
}
