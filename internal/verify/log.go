package verify

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// line is a line of a print log.
type line struct {
	Ref       string    `json:"ref"`
	Vendor    string    `json:"vendor"`
	VendorID  string    `json:"vendor_id"`
	Time      time.Time `json:"time"`
	Recipient string    `json:"recipient"`
	Mode      string    `json:"mode"`
	Event     string    `json:"event"`
	Copy      int       `json:"copy"`
}

// longestLine bounds the memory for a log that is not one.
const longestLine = 1 << 20

// readLog hands each line to put. It reports whether the last line is torn:
// one without a line break that does not parse, as a killed writer leaves it.
// Any other line that does not parse is an error.
func readLog(r io.Reader, put func(line) error) (torn bool, err error) {
	in := bufio.NewReaderSize(r, longestLine)
	for n := 1; ; n++ {
		data, err := in.ReadSlice('\n')
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return false, fmt.Errorf("line %d: %w", n, err)
		}
		if len(bytes.TrimSpace(data)) > 0 {
			var l line
			if err := json.Unmarshal(data, &l); err != nil {
				if last {
					return true, nil
				}
				return false, fmt.Errorf("line %d is not JSON", n)
			}
			if err := put(l); err != nil {
				return false, fmt.Errorf("line %d: %w", n, err)
			}
		}
		if last {
			return false, nil
		}
	}
}
