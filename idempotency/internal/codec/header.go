package codec

import (
	"encoding/json"
	"maps"
	"slices"
)

// EncodeHeader is a message's header as JSON, its names in order. A callback's
// are a few plain words, for which reflection takes more than twice as long.
func EncodeHeader(header map[string]string) (string, error) {
	var nameRoom [8]string
	names := slices.AppendSeq(nameRoom[:0], maps.Keys(header))
	slices.Sort(names)
	var room [512]byte
	text := append(room[:0], '{')
	for i, name := range names {
		if i > 0 {
			text = append(text, ',')
		}
		for _, word := range [...]string{name, header[name]} {
			if isPlain(word) {
				text = append(append(append(text, '"'), word...), '"', ':')
				continue
			}
			quoted, err := json.Marshal(word)
			if err != nil {
				return "", err
			}
			text = append(append(text, quoted...), ':')
		}
		text = text[:len(text)-1] // no colon behind the value
	}
	return string(append(text, '}')), nil
}

// isPlain reports whether the text means itself inside of quotes.
func isPlain(text string) bool {
	for i := range len(text) {
		if b := text[i]; b < ' ' || b > '~' || b == '"' || b == '\\' {
			return false
		}
	}
	return true
}
