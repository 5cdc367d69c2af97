package vendorsim

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	// lobMaxText bounds a body without files, and a text part.
	lobMaxText = 1 << 20
	// lobMaxFile bounds an uploaded file.
	lobMaxFile = 5 << 20
	// lobDeepest bounds how deep a form's name goes.
	lobDeepest = 16
	// pgMaxFile is the same of PostGrid, which states no size.
	pgMaxFile = 64 << 20
)

// errFileTooLarge is a file that is longer than the vendor takes.
var errFileTooLarge = errors.New("the file is too large")

// lobFields is a request body in one form, whatever its encoding was: strings,
// objects, and digests for the files.
type lobFields struct {
	top   map[string]any
	files map[string]string // field to digest
	names map[string]string // field to the name of the file
	most  int64             // bytes of a file
}

func newFields(most int64) *lobFields {
	return &lobFields{top: map[string]any{}, files: map[string]string{}, names: map[string]string{}, most: most}
}

// lobParse reads the body. A file is hashed as it streams by and never held.
func lobParse(r *http.Request, most int64) (*lobFields, *problem) {
	f := newFields(most)
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, lobInvalid("the content type is missing or broken")
	}
	switch media {
	case "application/json":
		err = f.parseJSON(r)
	case "application/x-www-form-urlencoded":
		err = f.parseForm(r)
	case "multipart/form-data":
		err = f.parseMultipart(r, params["boundary"])
	default:
		return nil, lobInvalid("the content type is not supported")
	}
	switch {
	case errors.Is(err, errFileTooLarge):
		return nil, lobProblem(http.StatusUnprocessableEntity, "file_size_exceeds_limit", "the file size is too large")
	case errors.Is(err, errTooLarge):
		return nil, lobProblem(http.StatusRequestEntityTooLarge, "bad_request", "the request is too large")
	case err != nil:
		return nil, lobInvalid("the request body could not be read")
	}
	return f, nil
}

func lobInvalid(message string) *problem {
	return lobProblem(http.StatusUnprocessableEntity, "invalid", message)
}

func (f *lobFields) parseJSON(r *http.Request) error {
	body, err := readBody(r, lobMaxText)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, &f.top)
}

func (f *lobFields) parseForm(r *http.Request) error {
	body, err := readBody(r, lobMaxText)
	if err != nil {
		return err
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, v := range values[name] { // the last counts, but in a list
			f.set(name, v)
		}
	}
	return nil
}

func (f *lobFields) parseMultipart(r *http.Request, boundary string) error {
	parts := multipart.NewReader(r.Body, boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			drain(r)
			return nil
		}
		if err != nil {
			return fmt.Errorf("multipart: %w", err)
		}
		if part.FileName() == "" {
			text, err := io.ReadAll(io.LimitReader(part, lobMaxText+1))
			if err != nil {
				return fmt.Errorf("multipart: %w", err)
			}
			if len(text) > lobMaxText {
				return errTooLarge
			}
			f.set(part.FormName(), string(text))
			continue
		}
		h := sha256.New()
		n, err := io.Copy(h, io.LimitReader(part, f.most+1))
		if err != nil {
			return fmt.Errorf("multipart: %w", err)
		}
		if n > f.most {
			return errFileTooLarge
		}
		f.names[part.FormName()] = part.FileName()
		f.files[part.FormName()] = hex.EncodeToString(h.Sum(nil))
	}
}

// set stores a form value: to[name] goes into the object "to", tags[] into the
// list "tags", and an object may come as JSON in one piece.
func (f *lobFields) set(name, value string) {
	field, rest, nested := strings.Cut(name, "[")
	if !nested || field == "" || !strings.HasSuffix(rest, "]") || strings.Count(rest, "]") > lobDeepest {
		var object map[string]any
		if strings.HasPrefix(value, "{") && json.Unmarshal([]byte(value), &object) == nil {
			f.top[name] = object
			return
		}
		f.top[name] = value
		return
	}
	f.top[field] = putAt(f.top[field], strings.Split(strings.TrimSuffix(rest, "]"), "]["), value)
}

// putAt returns what a form made of a field so far, with a value at the path.
func putAt(at any, path []string, value string) any {
	if len(path) == 0 {
		return value
	}
	if path[0] == "" {
		list, _ := at.([]any)
		return append(list, putAt(nil, path[1:], value))
	}
	object, ok := at.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	object[path[0]] = putAt(object[path[0]], path[1:], value)
	return object
}

// digest identifies the request's content, whatever the order of its fields.
func (f *lobFields) digest(kind string) string {
	var b bytes.Buffer
	// Maps of plain values: they always encode, and with sorted keys.
	_ = json.NewEncoder(&b).Encode([]any{kind, f.top, f.files})
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:16])
}

// text returns a string field; "" when it is absent or null.
func (f *lobFields) text(name string) (string, *problem) {
	return lobText(f.top, "", name)
}

func lobText(object map[string]any, path, name string) (string, *problem) {
	switch v := object[name].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", lobInvalid(path + name + " must be a string")
	}
}

// flag returns a boolean field, which forms send as text.
func (f *lobFields) flag(name string, absent bool) (bool, *problem) {
	switch f.top[name] {
	case nil:
		return absent, nil
	case true, "true":
		return true, nil
	case false, "false":
		return false, nil
	default:
		return false, lobInvalid(name + " must be a boolean")
	}
}

// object returns an object field; nil when it is absent or null.
func (f *lobFields) object(name string) (map[string]any, *problem) {
	switch v := f.top[name].(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v, nil
	default:
		return nil, lobInvalid(name + " must be an object")
	}
}
