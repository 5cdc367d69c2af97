package postproof

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// jsonText is JSON that is being written. What the ledger keeps of a job is
// written with every submission, so it is not left to reflection; a test holds
// it against encoding/json, byte for byte. The methods append and return, so
// that the text needs no memory but its caller's stack.
type jsonText []byte

// member writes a name, and a comma unless it is the first.
func (t jsonText) member(name string) jsonText {
	if t[len(t)-1] != '{' {
		t = append(t, ',')
	}
	return append(append(append(t, '"'), name...), '"', ':')
}

func (t jsonText) open(name string) jsonText { return append(t.member(name), '{') }
func (t jsonText) end() jsonText             { return append(t, '}') }

func (t jsonText) text(name, value string) jsonText { return t.member(name).quoted(value) }

// textIfAny leaves out an empty value.
func (t jsonText) textIfAny(name, value string) jsonText {
	if value == "" {
		return t
	}
	return t.text(name, value)
}

func (t jsonText) number(name string, n int64) jsonText {
	return strconv.AppendInt(t.member(name), n, 10)
}

// flagIfSet leaves out a false one.
func (t jsonText) flagIfSet(name string, set bool) jsonText {
	if !set {
		return t
	}
	return append(t.member(name), "true"...)
}

// quoted writes a string. Markup and what is not printable ASCII is left to
// encoding/json.
func (t jsonText) quoted(s string) jsonText {
	for i := range len(s) {
		switch b := s[i]; {
		case b < ' ', b > '~', b == '"', b == '\\', b == '<', b == '>', b == '&':
			raw, _ := json.Marshal(s) // a string cannot fail
			return append(t, raw...)
		}
	}
	return append(append(append(t, '"'), s...), '"')
}

// texts writes a map in the order of its keys, and nothing when it is empty.
func (t jsonText) texts(name string, m map[string]string) jsonText {
	if len(m) == 0 {
		return t
	}
	t = t.open(name)
	var room [usualKeys]string
	for _, k := range sortedKeys(room[:0], m) {
		t = t.key(k).quoted(m[k])
	}
	return t.end()
}

// usualKeys is room for the keys of metadata and of most templates.
const usualKeys = 10

// sortedKeys appends the keys of m to room, in their order.
func sortedKeys[V any](room []string, m map[string]V) []string {
	for k := range m {
		room = append(room, k)
	}
	slices.Sort(room)
	return room
}

// key is member for a name that is not ours.
func (t jsonText) key(name string) jsonText {
	if t[len(t)-1] != '{' {
		t = append(t, ',')
	}
	return append(t.quoted(name), ':')
}

func (t jsonText) job(j *Job) (jsonText, error) {
	t = append(t, '{').text("key", string(j.Key)).open("to").address(&j.To).end()
	if !j.From.IsZero() {
		t = t.open("from").address(&j.From).end()
	}
	t = t.open("piece").piece(j.Piece).end().text("class", string(j.Class))
	if !j.SendDate.IsZero() {
		var err error
		if t, err = t.member("send_date").time(j.SendDate); err != nil {
			return nil, err
		}
	}
	t = t.textIfAny("campaign", j.Campaign).textIfAny("contact", j.Contact)
	if j.Priority != 0 {
		t = t.number("priority", int64(j.Priority))
	}
	return t.texts("metadata", j.Metadata).end(), nil
}

func (t jsonText) time(at time.Time) (jsonText, error) {
	t, err := at.AppendText(append(t, '"'))
	if err != nil {
		return nil, fmt.Errorf("postproof: job: send date: %w", err)
	}
	return append(t, '"'), nil
}

func (t jsonText) address(a *Address) jsonText {
	return t.textIfAny("name", a.Name).textIfAny("company", a.Company).
		text("line1", a.Line1).textIfAny("line2", a.Line2).
		text("city", a.City).textIfAny("region", a.Region).
		text("postal_code", a.PostalCode).textIfAny("country", a.Country)
}

// piece writes a piece, which may be nil, but not one that kindOf or contentOf
// does not know.
func (t jsonText) piece(p Piece) jsonText {
	if p == nil {
		return t.text("kind", "").open("size").size(Size{}).end()
	}
	t = t.text("kind", string(p.Kind())).open("size").size(p.Sheet()).end()
	switch a := p.Art().(type) {
	case HTML:
		t = t.open("html").textIfAny("front", a.Front).textIfAny("back", a.Back).
			blobIfAny("front_blob", a.FrontBlob).blobIfAny("back_blob", a.BackBlob).end()
	case PDF:
		t = t.open("pdf").files(a.Front, a.Back).end()
	case Images:
		t = t.open("images").files(a.Front, a.Back).end()
	case Template:
		t = t.open("template").templates(a.IDs).texts("variables", a.Variables).end()
	}
	if l, ok := p.(Letter); ok {
		t = t.flagIfSet("color", l.Color).flagIfSet("double_sided", l.DoubleSided).flagIfSet("address_page", l.AddressPage)
	}
	return t
}

func (t jsonText) size(s Size) jsonText {
	return t.text("name", s.Name).number("short", int64(s.Short)).number("long", int64(s.Long))
}

func (t jsonText) blobIfAny(name string, b Blob) jsonText {
	if b.IsZero() {
		return t
	}
	return t.open(name).text("digest", b.Digest).number("size", b.Size).end()
}

func (t jsonText) files(front, back File) jsonText {
	t = t.open("front").textIfAny("url", front.URL).blobIfAny("blob", front.Blob).end()
	if back.IsZero() {
		return t
	}
	return t.open("back").textIfAny("url", back.URL).blobIfAny("blob", back.Blob).end()
}

func (t jsonText) templates(ids map[string]TemplateIDs) jsonText {
	if ids == nil {
		return append(t.member("ids"), "null"...)
	}
	t = t.open("ids")
	var room [usualKeys]string
	for _, vendor := range sortedKeys(room[:0], ids) {
		t = append(t.key(vendor), '{').text("front", ids[vendor].Front).textIfAny("back", ids[vendor].Back).end()
	}
	return t.end()
}
