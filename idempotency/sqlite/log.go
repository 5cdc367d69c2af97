package sqlite

import "context"

// The log is moved into the main file now and then, or it would grow without end.
// What an index writes all over the place makes that work long, the longer the
// larger the ledger is, and a commit that did it would let all callers wait. So
// another connection does it beside the writer, as far as the log has come by
// then. The log begins anew when all of it was moved: to that end the writer adds
// what was written meanwhile, which is little.
//
// The writer also notes how far the main file is for sure: a database file that
// was put back beside a newer log is found out by it.

const (
	// movePages is how long the log may have become, by the writer's estimate, before
	// it is moved. If it is too low, [checkpointPages] is still the limit.
	movePages = 12000
	// moveCommits is after how many commits it is moved in any case.
	moveCommits = 1024
	// moveLittle is how many commits the writer moves by itself, and moveRounds how
	// often the mover tries to leave it no more than that.
	moveLittle, moveRounds = 8, 3
)

// pagesOf is about how many pages a commit of so many changes adds to the log.
func pagesOf(changes int) int { return 4 + 2*changes }

// moved is what became of a move: how many pages the log had, and how many of them
// are in the main file now.
type moved struct {
	log, done int64
	free      bool // nobody else was at it
}

// all reports whether all of the log is in the main file.
func (m moved) all() bool { return m.free && m.log == m.done }

// moveLog moves the log into the main file, as far as nobody reads what would be
// overwritten.
func (c *conn) moveLog(ctx context.Context) (out moved, err error) {
	var busy int64
	found, err := c.queryRow(ctx, []any{&busy, &out.log, &out.done}, "PRAGMA wal_checkpoint(PASSIVE)")
	out.free = found && busy == 0
	return out, err
}

// mover moves the log beside the writer.
type mover struct {
	conn *conn
	ask  chan struct{}
	said chan struct{} // a move is over, whatever became of it
	over chan struct{}
}

func startMover(c *conn) *mover {
	m := &mover{conn: c, ask: make(chan struct{}, 1), said: make(chan struct{}, 1), over: make(chan struct{})}
	go func() {
		defer close(m.over)
		for range m.ask {
			_, _ = c.moveLog(context.Background()) // the writer looks at what is left
			m.said <- struct{}{}
		}
	}()
	return m
}

// close waits for the move under way. Nobody asks for another one then.
func (m *mover) close() error {
	close(m.ask)
	<-m.over
	return m.conn.close()
}

// logCare is what the writer does about its log.
type logCare struct {
	mover *mover // nil while there is none: the writer moves all by itself
	// commits and pages are those since all of the log was moved.
	commits, pages int
	// under says that the mover is at work, for how often in a row now, and since
	// which commit.
	under        bool
	round, asked int
}

// wrote notes a commit.
func (l *logCare) wrote(ops []operation) {
	changes := 0
	for _, op := range ops {
		changes += op.weight()
	}
	l.commits++
	l.pages += pagesOf(changes)
}

// askMover has the mover move what is in the log now.
func (l *logCare) askMover() {
	l.under, l.asked = true, l.commits
	l.round++
	l.mover.ask <- struct{}{}
}

// await waits for the move under way, if there is one.
func (l *logCare) await() {
	if l.under {
		<-l.mover.said
		l.under = false
	}
}

// careForLog runs after the callers of a batch were answered.
func (w *writer) careForLog() {
	l := &w.log
	switch {
	case l.under:
		select {
		case <-l.mover.said:
			l.under = false
		default:
			return
		}
		if l.commits-l.asked > moveLittle && l.round < moveRounds {
			l.askMover()
			return
		}
		w.moveRest()
	case l.commits < moveCommits && l.pages < movePages:
	case l.mover == nil:
		w.moveRest()
	default:
		l.askMover()
	}
}

// moveRest moves what is left of the log.
func (w *writer) moveRest() {
	l := &w.log
	l.commits, l.pages, l.round = 0, 0, 0
	if out, err := w.moveLog(context.Background()); err == nil && out.all() {
		w.batch.based = w.head.commits
	}
}
