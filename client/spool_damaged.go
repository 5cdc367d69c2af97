package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// damagedPattern is what a file is called that has lines which cannot be read: no
// process takes it over, and nobody but a person removes it.
const damagedPattern = "damaged-*.jsonl"

// readSpool returns the lines of a file. What is torn at its end was never reported
// as kept, and is left out. A whole line that cannot be read was an answer once, of a
// newer version or before it was damaged: then the file is not whole.
func readSpool(name string) (all []spooled, whole bool, err error) {
	f, err := os.Open(name) //nolint:gosec // our own folder
	if err != nil {
		return nil, false, fmt.Errorf("spool: %w", pathless(err))
	}
	defer f.Close()
	whole = true
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadBytes('\n')
		if text := bytes.TrimSpace(line); len(text) > 0 {
			var e spooled
			if json.Unmarshal(text, &e) == nil && e.ID != "" { //nolint:musttag // the ledger's type is kept by its field names
				all = append(all, e)
			} else if err == nil {
				whole = false
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return all, whole, nil
		case err != nil:
			return nil, false, fmt.Errorf("spool: %w", pathless(err))
		}
	}
}

// setAside keeps a file as it is, under another name, after what can be read of it was
// written to a file of ours.
func (s *spool) setAside(name string, lines []spooled) error {
	for i := 0; i < len(lines); {
		j := i + 1
		for j < len(lines) && lines[j].Ledger == lines[i].Ledger {
			j++
		}
		if err := s.append(lines[i:j]...); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
		i = j
	}
	aside := fresh(filepath.Dir(name), damagedPattern)
	if err := os.Rename(name, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("spool: %w", pathless(err))
	}
	s.aside++
	return nil
}

// tellDamaged says at the start that the spool folder holds what cannot be read.
func (c *Client) tellDamaged(ctx context.Context) {
	if n := c.spooled.aside; n > 0 {
		c.logger.LogAttrs(ctx, slog.LevelError, "the spool folder holds answers of vendors that cannot be read, damaged or of a newer version: their files are kept as "+damagedPattern+
			"; a newer version reads them under their former name, answers-*.jsonl, and what is damaged is in doubt until its vendor is asked", slog.Int("files", n))
	}
}
