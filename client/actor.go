package client

import (
	"fmt"
	"strings"
)

// Actor is who does something by hand, a person or a program in a person's place, and
// why. Each call that is such an act takes one, and what comes of it is written to the
// change log with it ([Client.Changes]), in one commit; of a job to its history, too.
//
// White space is neither a name nor a reason, and what is around them is cut off. A call
// without what it requires is [postproof.CodeInvalidArgument], before anything is read
// or written.
//
// No personal data of those who get mail: an erasure takes both from the history of a
// job, and nothing from the change log.
type Actor struct {
	// By is who does it. Every call requires it, but for an [Erasure] that is a dry
	// run.
	By string
	// Why is the reason. It is required of what cannot be taken back or sends twice
	// ([Client.Erase], [Client.Decide], [Client.DropSpooled], [Client.Remail]), and of
	// what stops the work of others and lets it go on ([Client.Pause], [Client.Resume],
	// [Client.PauseReplay], [Client.ResumeReplay], [Client.ThrottleReplay],
	// [Client.StopReplay], [Client.Undo]). Elsewhere it may be left out.
	Why string
}

// named returns the actor as it is written down, or the error of one without a name.
func (a Actor) named(op string) (Actor, error) {
	a = a.tidy()
	if a.By == "" {
		return a, blank(op, "By", "who does it")
	}
	return a, nil
}

// reasoned is named, with an error for an act without a reason as well.
func (a Actor) reasoned(op string) (Actor, error) {
	a, err := a.named(op)
	if err == nil && a.Why == "" {
		err = blank(op, "Why", "the reason")
	}
	return a, err
}

// tidy is how an actor is written down: as text, without the white space around it.
func (a Actor) tidy() Actor {
	return Actor{By: text(strings.TrimSpace(a.By)), Why: text(strings.TrimSpace(a.Why))}
}

func blank(op, field, what string) error {
	return invalid(op, fmt.Errorf("%s is blank: give %s, which stands in the change log for whoever reads it later", "Actor."+field, what))
}
