package vendorsim

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// errClosed is what a request gets that meets a closed simulator.
var errClosed = errors.New("vendorsim: closed")

// journal appends lines to the state file and to the print log, and lets
// concurrent callers share a sync. Where there is a state file, it alone is
// synced before the answer: the log's lines follow from it, so a log that
// lacks its end after a power failure is completed at the next start.
type journal struct {
	state *os.File  // nil: in memory
	log   io.Writer // nil: no print log; synced when it is a file

	mu       sync.Mutex
	pending  []byte
	pendLog  []byte
	appended uint64        // position after the last append
	synced   uint64        // position that is on disk
	done     chan struct{} // closed and replaced when synced moves
	err      error         // sticky: nothing is accepted after a failed write
	closed   bool
	wake     chan struct{}
	stopped  chan struct{}
}

func newJournal(state *os.File, log io.Writer) *journal {
	j := &journal{
		state: state, log: log,
		done: make(chan struct{}), wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	go j.run()
	return j
}

// append queues a line for the state file and lines for the print log, and
// returns the position to wait for. The caller's lock gives the order.
func (j *journal) append(line, logLines []byte) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return 0, j.err
	}
	if j.closed {
		return 0, errClosed
	}
	j.appended++
	if j.state == nil && (j.log == nil || len(logLines) == 0) {
		if j.appended == j.synced+1 { // nothing older is waiting
			j.synced++
		} else {
			j.poke()
		}
		return j.appended, nil
	}
	j.pending = append(j.pending, line...)
	j.pendLog = append(j.pendLog, logLines...)
	j.poke()
	return j.appended, nil
}

func (j *journal) poke() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// wait returns when everything up to the position is on disk.
func (j *journal) wait(position uint64) error {
	for {
		j.mu.Lock()
		synced, err, done := j.synced, j.err, j.done
		j.mu.Unlock()
		switch {
		case synced >= position:
			return nil
		case err != nil:
			return err
		}
		<-done
	}
}

func (j *journal) run() {
	defer close(j.stopped)
	for range j.wake {
		j.mu.Lock()
		state, log, position, closed := j.pending, j.pendLog, j.appended, j.closed
		j.pending, j.pendLog = nil, nil
		j.mu.Unlock()
		err := j.write(state, log)
		j.mu.Lock()
		if err != nil {
			j.err = err
		} else {
			j.synced = position
		}
		close(j.done)
		j.done = make(chan struct{})
		j.mu.Unlock()
		if closed || err != nil {
			return
		}
	}
}

func (j *journal) write(state, log []byte) error {
	if j.state != nil && len(state) > 0 {
		if _, err := j.state.Write(state); err != nil {
			return fmt.Errorf("vendorsim: write state: %w", err)
		}
		if err := j.state.Sync(); err != nil {
			return fmt.Errorf("vendorsim: sync state: %w", err)
		}
	}
	if j.log == nil || len(log) == 0 {
		return nil
	}
	if _, err := j.log.Write(log); err != nil {
		return fmt.Errorf("vendorsim: write print log: %w", err)
	}
	if j.state != nil {
		return nil // synced at the end: the state has it
	}
	return j.syncLog()
}

func (j *journal) syncLog() error {
	f, ok := j.log.(*os.File)
	if !ok {
		return nil
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("vendorsim: sync print log: %w", err)
	}
	return nil
}

// close writes what is queued and ends the writer. The files stay open.
func (j *journal) close() error {
	j.mu.Lock()
	j.closed = true
	j.poke()
	j.mu.Unlock()
	<-j.stopped
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	return j.syncLog()
}

// position returns the position of the last append.
func (j *journal) position() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.appended
}
