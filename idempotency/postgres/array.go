package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// array is a list as PostgreSQL writes it. Lists go to the server as text with
// a cast, which every driver can do.
type array struct{ b strings.Builder }

func (a *array) next() {
	if a.b.Len() == 0 {
		a.b.WriteByte('{')
	} else {
		a.b.WriteByte(',')
	}
}

// String returns the list.
func (a *array) String() string {
	if a.b.Len() == 0 {
		return "{}"
	}
	return a.b.String() + "}"
}

func (a *array) int(n int64) {
	a.next()
	var digits [20]byte
	a.b.Write(strconv.AppendInt(digits[:0], n, 10))
}

// maybe adds an int64, or NULL for nil.
func (a *array) maybe(n any) {
	if v, ok := n.(int64); ok {
		a.int(v)
		return
	}
	a.null()
}

func (a *array) null() {
	a.next()
	a.b.WriteString("NULL")
}

func (a *array) text(s string) {
	a.next()
	a.b.WriteByte('"')
	s = clean(s)
	for {
		i := strings.IndexAny(s, `"\`)
		if i < 0 {
			break
		}
		a.b.WriteString(s[:i])
		a.b.WriteByte('\\')
		a.b.WriteByte(s[i])
		s = s[i+1:]
	}
	a.b.WriteString(s)
	a.b.WriteByte('"')
}

// bytes adds a bytea, or NULL for nil.
func (a *array) bytes(p []byte) {
	if p == nil {
		a.null()
		return
	}
	a.next()
	a.b.WriteString(`"\\x`)
	var room [1024]byte
	for len(p) > 0 {
		n := min(len(p), len(room)/2)
		hex.Encode(room[:], p[:n])
		a.b.Write(room[:2*n])
		p = p[n:]
	}
	a.b.WriteByte('"')
}

// clean returns the text as a column takes it: no NUL and no bytes that are not
// UTF-8. Only what is searched by is kept in such columns.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// maxIndexed is how long a text may be that an index takes as it is, beside another
// one.
const maxIndexed = 1000

// indexed returns a text of any length as an index takes it: what is too long is
// known by its beginning and its digest. What is found by it is compared with the
// record.
func indexed(s string) string {
	if s = clean(s); len(s) <= maxIndexed {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return clean(s[:maxIndexed/2]) + "\x1e" + hex.EncodeToString(sum[:])
}

// texts returns a list of texts.
func texts[T ~string](list []T) string {
	var a array
	for _, s := range list {
		a.text(string(s))
	}
	return a.String()
}
