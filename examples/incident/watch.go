package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/idempotency"
)

// watch prints what an operator sees of the incident at some moments of it.
func (in *incident) watch(ctx context.Context) error {
	for _, at := range []time.Duration{in.outage / 8, in.outage / 2, in.outage, 3 * in.outage / 2} {
		if postproof.Sleep(ctx, in.clock, in.began.Add(at).Sub(in.clock.Now())) != nil {
			break // recovered before
		}
		if err := in.look(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	<-ctx.Done()
	return in.look(context.WithoutCancel(ctx))
}

// look prints the vendors' breakers for submissions, and the queue by state.
func (in *incident) look(ctx context.Context) error {
	now := in.clock.Now()
	depth, err := in.client.Depth(ctx, campaign)
	if err != nil {
		return err
	}
	var line strings.Builder
	for _, v := range in.client.Vendors() {
		phase := "unused"
		for _, b := range v.Breakers {
			if b.Group == postproof.OpSubmit.Group() {
				phase = describe(b)
			}
		}
		fmt.Fprintf(&line, "  %s: %-28s", v.Name, phase)
	}
	for _, s := range idempotency.States() {
		if n := depth[s]; n > 0 {
			fmt.Fprintf(&line, "  %s %d", s, n)
		}
	}
	_, err = fmt.Fprintf(in.out, "%9s%s\n", stamp(now.Sub(in.began)), strings.TrimRight(line.String(), " "))
	return err
}

func describe(b breaker.State) string {
	if b.Phase == breaker.Closed {
		return b.Phase.String()
	}
	return fmt.Sprintf("%s (%s)", b.Phase, b.Reason)
}

// stamp writes a time since the incident began, as in "+1:02:03".
func stamp(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("+%d:%02d:%02d", s/3600, s/60%60, s%60)
}
