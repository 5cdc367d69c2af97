package signature

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

var (
	errNoObject = errors.New("no JSON object")
	errTwice    = errors.New("a member stands there twice")
)

// eachMember calls f for each member of a JSON object until it returns false.
// Unlike encoding/json with a struct it tells "alg" from "Alg", and it refuses
// an object in which a name stands twice: readers differ in which they take.
func eachMember(object []byte, f func(name string, value []byte) bool) error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return errNoObject
	}
	seen := map[string]struct{}{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return errNoObject
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return errNoObject
		}
		if _, ok := seen[name]; ok {
			return errTwice
		}
		seen[name] = struct{}{}
		if !f(name, value) {
			return nil
		}
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return errNoObject
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errNoObject
	}
	return nil
}
