package verify

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// readList returns how many pieces each recipient is owed. A row is owed a
// piece when it has an address that can be mailed: a first line, a city, a
// state and a ZIP code, and a contact id that no earlier row had.
func readList(r io.Reader) (map[string]int, error) {
	rows := csv.NewReader(r)
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("verify: list: header: %w", err)
	}
	at := map[string]int{}
	for i, h := range header {
		at[strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")))] = i
	}
	for _, name := range []string{"contact_id", "address_line1", "address_line2", "city", "state", "postal_code"} {
		if _, ok := at[name]; !ok {
			return nil, fmt.Errorf("verify: list: no column %s", name)
		}
	}
	owed := map[string]int{}
	contacts := map[string]bool{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return owed, nil
		}
		if err != nil {
			return nil, fmt.Errorf("verify: list: %w", err)
		}
		get := func(name string) string { return strings.TrimSpace(row[at[name]]) }
		id := get("contact_id")
		if id == "" || contacts[id] {
			continue
		}
		contacts[id] = true
		line1, city, state, zip := get("address_line1"), get("city"), get("state"), get("postal_code")
		if line1 == "" || city == "" || len(state) != 2 || len(zip) < 5 {
			continue
		}
		owed[recipient(line1, get("address_line2"), city, state, zip)]++
	}
}

// recipient returns the first 16 hexadecimal digits of the SHA-256 over
// "line1|line2|city|region|zip5", upper-cased, with runs of white space
// collapsed and the postal code cut to five characters.
func recipient(line1, line2, city, region, zip string) string {
	parts := [...]string{line1, line2, city, region, zip}
	for i := range parts {
		parts[i] = strings.ToUpper(strings.Join(strings.Fields(parts[i]), " "))
	}
	if z := []rune(parts[4]); len(z) > 5 {
		parts[4] = string(z[:5])
	}
	sum := sha256.Sum256([]byte(strings.Join(parts[:], "|")))
	return hex.EncodeToString(sum[:])[:16]
}
