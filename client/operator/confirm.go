package operator

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// intent is what a command is about to do.
type intent struct {
	Type    string `json:"type"`
	Command string `json:"command"`
	// Jobs is how many it is about, Mails how many pieces it may bring about, and
	// Twice how many of these may be second ones.
	Jobs  int `json:"jobs"`
	Mails int `json:"may_mail"`
	Twice int `json:"may_print_twice"`
	// Does says it in sentences.
	Does []string `json:"does"`
	// one is what it is about if not jobs.
	one string
}

// confirm shows what is about to happen and returns nil when it was confirmed: by
// -yes, or by somebody at the terminal. Where a second piece may come of it a yes
// is not enough: the number of jobs is.
func (r *run) confirm(in intent) error {
	in.Type, in.Command = "plan", r.cmd.name
	r.out.object(in)
	for _, line := range in.Does {
		r.out.wrapped("", line)
	}
	switch {
	case in.Twice > 0:
		r.out.wrapped("", fmt.Sprintf("MAY MAIL %s, OF WHICH %s MAY BE SECOND ONES.", many(in.Mails, "PIECE"), number(in.Twice)))
	case in.Mails > 0:
		r.out.wrapped("", fmt.Sprintf("May mail %s.", many(in.Mails, "piece")))
	default:
		r.out.text("Mails nothing.")
	}
	if r.expect >= 0 && r.expect != in.Jobs {
		return &exit{code: ExitNotConfirmed, err: fmt.Errorf("nothing was done: it is about %s, and -expect says %s", many(in.Jobs, cmp.Or(in.one, "job")), number(r.expect))}
	}
	if r.yes {
		return nil
	}
	if !r.Interactive {
		return &exit{code: ExitNotConfirmed, err: errors.New("nothing was done: nobody can be asked here; to do it say -yes, and -expect " + strconv.Itoa(in.Jobs) + " to be sure of the number")}
	}
	as := ""
	if r.by != "" {
		as = " as " + r.by
	}
	want, question := "yes", "Go on"+as+"? Type yes: "
	if in.Twice > 0 {
		want = strconv.Itoa(in.Jobs)
		question = fmt.Sprintf("Go on%s? Type the number of jobs, %s: ", as, want)
	}
	if err := r.out.w.Flush(); err != nil { // what it says must be seen first
		return fmt.Errorf("nothing was done: what it would do could not be shown: %w", err)
	}
	fmt.Fprint(r.Stderr, clean(question))
	answer, err := r.in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return &exit{code: ExitNotConfirmed, err: fmt.Errorf("nothing was done: the answer could not be read: %w", err)}
	}
	if err != nil || answer == "" {
		fmt.Fprintln(r.Stderr)
	}
	if strings.TrimSpace(answer) != want {
		return &exit{code: ExitNotConfirmed, err: errors.New("nothing was done")}
	}
	return nil
}
