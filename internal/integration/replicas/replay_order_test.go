package replicas_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// replayCampaign is the campaign that is replayed.
const replayCampaign = "outage day"

// replayOrder is what a process replays: a list of so many rows, and what was
// refused or is held of its campaign.
type replayOrder struct {
	Run  string `json:"run"`
	Rows int    `json:"rows"`
	By   string `json:"by"`
}

// replayNews is what a process says of a replay: its plan, then how it ended.
type replayNews struct {
	Sends int64  `json:"sends"`
	Acts  int64  `json:"acts"`
	End   string `json:"end,omitempty"`
}

func (o *replayOrder) replay(ctx context.Context) (client.Replay, error) {
	s, err := snapshot.Take(ctx, snapshot.CSV(strings.NewReader(replayList(0, o.Rows)), snapshot.Mapping{}), snapshot.Options{Campaign: replayCampaign, Store: snapshot.NewMemory()})
	return client.Replay{Name: o.Run, Snapshot: s, Drop: client.Drop{
		Name: "card", Class: postproof.FirstClass,
		From:  postproof.Address{Company: "Springfield Clinic", Line1: "100 Main Street", City: "Springfield", Region: "IL", PostalCode: "62701"},
		Piece: postproof.Postcard{Size: postproof.Size6x9(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
	}, Query: &client.ReplayQuery{Campaign: replayCampaign, States: []idempotency.State{idempotency.Refused, idempotency.Held}}}, err
}

// run plans the replay and runs it, and says so on the standard output.
func (o *replayOrder) run(ctx context.Context, c *client.Client) {
	say := func(n replayNews) {
		_ = json.NewEncoder(os.Stdout).Encode(activity{At: time.Now(), Replay: &n})
	}
	r, err := o.replay(ctx)
	if err != nil {
		say(replayNews{End: err.Error()})
		return
	}
	plan, err := c.PlanReplay(ctx, r)
	n := replayNews{Sends: plan.Sends(), Acts: plan.Acts()}
	if err != nil {
		n.End = err.Error()
		say(n)
		return
	}
	say(n)
	switch _, err = c.RunReplay(ctx, plan, client.Actor{By: o.By, Why: "the outage"}, client.ReplayOptions{Ahead: 150}); {
	case err == nil:
		n.End = "handed over"
	case errors.Is(err, client.ErrReplayTaken):
		n.End = "taken"
	default:
		n.End = err.Error()
	}
	say(n)
}

// replayList is a mailing list of contacts from one to another.
func replayList(from, to int) string {
	var list strings.Builder
	list.WriteString("contact_id,name,address_line1,address_line2,city,state,postal_code\n")
	for i := from; i < to; i++ {
		a := recipient(i)
		fmt.Fprintf(&list, "c%d,%s,%s,,%s,%s,%s\n", i, a.Name, a.Line1, a.City, a.Region, a.PostalCode)
	}
	return list.String()
}
