package vendorsim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// restore reads the state file and cuts off a last line that a crash has torn.
// A broken line before the last is an error: what was promised would be gone.
func (s *Sim) restore(f *os.File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := bufio.NewReaderSize(f, 1<<20)
	var good int64
	for {
		line, err := r.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("vendorsim: read state: %w", err)
		}
		if len(line) == 0 {
			break
		}
		if broken := s.restoreLine(line); broken != nil {
			if _, err := r.Peek(1); !errors.Is(err, io.EOF) || errors.Is(broken, errState) {
				return fmt.Errorf("vendorsim: state file, byte %d: %w", good, broken)
			}
			break
		}
		good += int64(len(line))
	}
	if err := f.Truncate(good); err != nil {
		return fmt.Errorf("vendorsim: cut state: %w", err)
	}
	if _, err := f.Seek(good, io.SeekStart); err != nil {
		return fmt.Errorf("vendorsim: seek state: %w", err)
	}
	return nil
}

// errState marks a line that is whole and still wrong.
var errState = errors.New("not a state of this simulator")

func (s *Sim) restoreLine(line []byte) error {
	if line[len(line)-1] != '\n' {
		return errors.New("torn line")
	}
	var rec record
	if err := json.Unmarshal(line, &rec); err != nil {
		return fmt.Errorf("torn line: %w", err)
	}
	if rec.Seq != s.seq+1 {
		return fmt.Errorf("%w: record %d after %d", errState, rec.Seq, s.seq)
	}
	if rec.Header != nil {
		if s.seed != 0 && s.seed != rec.Header.Seed || rec.Header.Version != 1 {
			return fmt.Errorf("%w: it has version %d and seed %d", errState, rec.Header.Version, rec.Header.Seed)
		}
		s.seed = rec.Header.Seed
	}
	if rec.Vendor != "" && s.vendors[rec.Vendor] == nil {
		return fmt.Errorf("%w: it has vendor %q, which is not configured", errState, rec.Vendor)
	}
	if rec.Void != nil && s.vendors[rec.Vendor].byID[rec.Void.ID] == nil {
		return fmt.Errorf("%w: it voids an order that is not there", errState)
	}
	if rec.Wire != nil {
		in := s.vendors[rec.Vendor]
		if in == nil {
			return fmt.Errorf("%w: it has a change of no vendor", errState)
		}
		if _, ok := in.wire.(stateful); !ok {
			return fmt.Errorf("%w: it has a change that the API of vendor %q does not know", errState, rec.Vendor)
		}
	}
	if !s.knows(&rec) {
		return fmt.Errorf("%w: it has a callback of a vendor, an order or an event that is not there", errState)
	}
	s.apply(&rec, 0)
	return nil
}

// knows reports whether what a record of callbacks is about is there.
func (s *Sim) knows(rec *record) bool {
	if rec.Webhook == nil && rec.Event == nil && rec.Attempt == nil {
		return true
	}
	in := s.vendors[rec.Vendor]
	if in == nil || in.notifier() == nil {
		return false
	}
	if rec.Event != nil && (in.byID[rec.Event.Order] == nil || !in.tells()) {
		return false
	}
	if rec.Attempt != nil {
		for _, number := range rec.Attempt.Events {
			if in.deliveryOf(number, rec.Attempt.Webhook) == nil {
				return false
			}
		}
	}
	return true
}

// completeLog appends to the print log what a crash kept from it. The log is a
// beginning of what the state says, byte by byte, or it is not ours.
func (s *Sim) completeLog(f *os.File) error {
	want, err := encodeLines(s.prints)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("vendorsim: read print log: %w", err)
	}
	if !bytes.HasPrefix(want, got) {
		return errors.New("vendorsim: the print log does not belong to the state beside it")
	}
	if len(got) == len(want) {
		return nil
	}
	if _, err := f.Write(want[len(got):]); err != nil {
		return fmt.Errorf("vendorsim: complete print log: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("vendorsim: sync print log: %w", err)
	}
	return nil
}
