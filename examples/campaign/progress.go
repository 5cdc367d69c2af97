package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// progress shows a bar on a terminal, and plain lines elsewhere.
type progress struct {
	out      *os.File
	terminal bool
	shown    string
	percent  int
}

func newProgress(out *os.File) *progress {
	info, err := out.Stat()
	return &progress{out: out, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0, percent: -1}
}

func (p *progress) line(format string, args ...any) {
	p.clear()
	fmt.Fprintf(p.out, format+"\n", args...)
}

func (p *progress) show(what string, done, total int, extra string) {
	percent := 100 * done / max(total, 1)
	if !p.terminal {
		if step := what + strconv.Itoa(percent/20); step != p.shown {
			p.shown = step
			fmt.Fprintf(p.out, "%s: %d of %d\n", what, done, total)
		}
		return
	}
	const width = 40
	full := min(width, width*done/max(total, 1))
	text := fmt.Sprintf("%-9s %s%s %3d%%  %d of %d  %s", what, strings.Repeat("█", full), strings.Repeat("░", width-full), percent, done, total, extra)
	fmt.Fprintf(p.out, "\r\x1b[K%s", text)
	p.shown = text
}

func (p *progress) clear() {
	if p.terminal && p.shown != "" {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = ""
	}
}

func (p *progress) done() { p.clear() }
