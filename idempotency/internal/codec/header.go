package codec

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"unicode/utf8"
)

// EncodeHeader is a message's header as JSON, its names in order. A callback's
// are a few plain words, for which reflection takes more than twice as long. JSON
// has no bytes that are not UTF-8, a header may, and a signature over it holds for
// these alone: such a header is a list of all its words in base64 instead.
func EncodeHeader(header map[string]string) (string, error) {
	var nameRoom [8]string
	names := slices.AppendSeq(nameRoom[:0], maps.Keys(header))
	slices.Sort(names)
	if slices.ContainsFunc(names, func(name string) bool { return !utf8.ValidString(name) || !utf8.ValidString(header[name]) }) {
		words := make([][]byte, 0, 2*len(names))
		for _, name := range names {
			words = append(words, []byte(name), []byte(header[name]))
		}
		text, err := json.Marshal(words)
		return string(text), err
	}
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

// decodeHeader is the reverse of [EncodeHeader].
func decodeHeader(text []byte) (map[string]string, error) {
	if len(text) == 0 || text[0] != '[' {
		var header map[string]string
		err := json.Unmarshal(text, &header)
		return header, err
	}
	var words [][]byte
	if err := json.Unmarshal(text, &words); err != nil {
		return nil, err
	}
	if len(words)%2 != 0 {
		return nil, errors.New("a header without its value")
	}
	header := make(map[string]string, len(words)/2)
	for i := 0; i < len(words); i += 2 {
		header[string(words[i])] = string(words[i+1])
	}
	return header, nil
}
