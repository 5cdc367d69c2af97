package operator

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
)

// command is one of the program's commands.
type command struct {
	name string
	// args are its arguments, for the help; short is one line, long the help, with
	// examples in which $ stands for the program's name.
	args, short, long string
	// least and most bound the number of arguments; most -1 is no bound.
	least, most int
	// changes: it writes down who did it.
	changes bool
	flags   func(*flag.FlagSet)
	run     func(ctx context.Context, r *run, args []string) error
}

// wants says which arguments are missing, or too many.
func (c *command) wants(args []string) string {
	switch {
	case c.most == 0:
		return fmt.Sprintf("%q: it takes flags only", args[0])
	case len(args) < c.least:
		return "an argument is missing: " + c.name + " " + c.args
	default:
		return fmt.Sprintf("%q is too much: %s %s", args[c.most], c.name, c.args)
	}
}

// groups are the commands in the order of the help.
func groups() []group {
	return []group{
		{"Look (changes nothing)", []*command{statusCommand(), heldCommand(), refusedCommand(), showCommand(), historyCommand(), incidentsCommand(), trackCommand(), tallyCommand(), spoolCommand()}},
		{"Decide", []*command{pauseCommand(), resumeCommand(), releaseCommand(), decideCommand(), cancelCommand(), approveCommand(), callbacksCommand(), changesCommand()}},
		{"Ask the vendors, or depend on them (needs credentials)", []*command{
			auditCommand(), silenceCommand(), recoverCommand(), controlCommand(), replayCommand(), remailCommand(), eraseCommand(),
		}},
		{"Lists", []*command{snapshotCommand()}},
	}
}

type group struct {
	title string
	all   []*command
}

func commands() []*command {
	var all []*command
	for _, g := range groups() {
		all = append(all, g.all...)
	}
	return all
}

// closest names the command that was perhaps meant.
func closest(name string) string {
	best, least := "", 3 // two slips of the finger
	for _, c := range commands() {
		if strings.HasPrefix(c.name, name) || strings.HasPrefix(name, c.name) {
			return fmt.Sprintf(": did you mean %s?", c.name)
		}
		if n := slips(name, c.name); n < least && n < len(name)-1 {
			best, least = c.name, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %s?", best)
}

// slips is how many letters were left out, added, mistaken or swapped between two words.
func slips(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			switch {
			case i == 0 || j == 0:
				rows[i][j] = i + j
				continue
			case a[i-1] == b[j-1]:
				rows[i][j] = rows[i-1][j-1]
			default:
				rows[i][j] = 1 + min(rows[i-1][j-1], rows[i-1][j], rows[i][j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

func (r *run) helpFor(args []string) error {
	switch {
	case len(args) == 0:
		r.help("")
		return nil
	case len(args) > 1:
		return usage("help takes one command")
	}
	i := slices.IndexFunc(commands(), func(c *command) bool { return c.name == args[0] })
	if i < 0 {
		return usage("there is no command %q%s", args[0], closest(args[0]))
	}
	r.helpCommand(commands()[i])
	return nil
}

func (r *run) help(string) {
	p := r.out
	p.text("%s looks at a ledger of mail and carries out what a person decides.", r.Name)
	p.text("")
	p.text("  %s [flags] [command] [flags] [arguments]", r.Name)
	p.text("")
	p.text("Without a command it says what is stuck, why, whether paper is at risk, and what to press: status.")
	for _, g := range groups() {
		p.text("")
		p.text("%s", g.title)
		for _, c := range g.all {
			p.text("  %-10s %s", c.name, c.short)
		}
	}
	p.text("")
	p.text("A job is named by its id or the beginning of it, by its key, by a reference (16 characters that the")
	p.text("vendor shows, too), or by the vendor's id. What can mail says what it will do and asks first.")
	p.text("")
	p.text("Flags of every command")
	r.printFlags(r.flags(r.Name))
	p.text("")
	p.text("Exit codes: 0 fine, 1 error, 2 wrong usage, 3 something needs a person, 4 not confirmed.")
	p.text("%s help COMMAND, or COMMAND -h, says more.", r.Name)
}

func (r *run) helpCommand(c *command) {
	p := r.out
	p.text("%s", strings.TrimRight(r.Name+" "+c.name+" "+c.args, " "))
	p.text("")
	paragraph := ""
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(c.long, "$", r.Name))+"\n", "\n")
	for i, line := range lines {
		if line != "" && line[0] != ' ' {
			paragraph += " " + line
			continue
		}
		if paragraph != "" {
			p.wrapped("", paragraph)
			paragraph = ""
		}
		if i < len(lines)-1 {
			p.text("%s", line)
		}
	}
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	if c.flags != nil {
		c.flags(fs)
		p.text("")
		p.text("Flags")
		r.printFlags(fs)
	}
	p.text("")
	p.text("Flags of every command: %s", strings.Join(r.commonFlags(), ", "))
}

func (r *run) commonFlags() []string {
	var names []string
	r.flags(r.Name).VisitAll(func(f *flag.Flag) { names = append(names, "-"+f.Name) })
	return names
}

func (r *run) printFlags(fs *flag.FlagSet) {
	fs.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		head := "-" + f.Name
		if value != "" {
			head += " " + value
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" && f.DefValue != "-1" {
			text += " (default " + f.DefValue + ")"
		}
		lines := wrap(text, r.out.width-25)
		r.out.text("  %-22s %s", head, lines[0])
		for _, l := range lines[1:] {
			r.out.text("  %-22s %s", "", l)
		}
	})
}
