package callback

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// What tells an event from another one, in the inbox of an account. The texts
// are stored: they must stay as they are, or what vendors repeat across an
// upgrade is taken for news.

// identity is the id of an event that the signature covers, else a digest of the
// piece, its status and the vendor's time; without a time also of the event's
// bytes, since a piece may be scanned twice with one status.
func (rt *route) identity(n *vendors.Notice) string {
	e := &n.Event
	if e.ID != "" && rt.caps.Callbacks.EventIDs && !rt.unsigned {
		if len(e.ID) > 200 || strings.ContainsRune(e.ID, 0) || !utf8.ValidString(e.ID) { // a store may take two such names for one
			return digestOf("id", []byte(e.ID))
		}
		return "id:" + e.ID
	}
	return content(n, rt.unsigned)
}

func content(n *vendors.Notice, all bool) string {
	e := &n.Event
	parts := [][]byte{[]byte(e.VendorID), []byte(e.Ref), []byte(e.Status.Stage), []byte(e.Status.Raw)}
	if !e.Status.VendorTime.IsZero() {
		parts = append(parts, e.Status.VendorTime.UTC().AppendFormat(nil, time.RFC3339Nano))
	}
	if e.Status.VendorTime.IsZero() || all || (e.VendorID == "" && e.Ref == "") {
		parts = append(parts, e.Raw)
	}
	return digestOf("event", parts...)
}

// identities are those of the events of one callback. Where the vendor gives one
// id to several events of a callback, it is the callback's.
func (rt *route) identities(notices []*vendors.Notice) []string {
	out := make([]string, len(notices))
	count := make(map[string]int, len(notices))
	for i, n := range notices {
		out[i] = rt.identity(n)
		count[out[i]]++
	}
	for i, n := range notices {
		if count[out[i]] > 1 {
			out[i] += "#" + content(n, rt.unsigned)
		}
	}
	return out
}

// batchIdentity is that of a callback with several events, or none.
func (rt *route) batchIdentity(notices []*vendors.Notice, raw []byte) string {
	if len(notices) == 0 {
		return digestOf("body", raw)
	}
	var parts [][]byte
	for _, id := range rt.identities(notices) {
		parts = append(parts, []byte(id))
	}
	return digestOf("batch", parts...)
}

func digestOf(kind string, parts ...[]byte) string {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	return kind + ":" + hex.EncodeToString(h.Sum(nil))
}

// partHeader names the callback that an event came in, and its place there, in
// the message of an event of a batch. Such a message has no body.
const partHeader = "Postproof-Part"

func partOf(batch uint64, place int) map[string]string {
	return map[string]string{partHeader: strconv.FormatUint(batch, 10) + "/" + strconv.Itoa(place)}
}

// partIn returns of which batch the message of an event is, and its place there.
func partIn(m *idempotency.Message) (batch uint64, place int, ok bool) {
	left, right, _ := strings.Cut(m.Header[partHeader], "/")
	batch, err1 := strconv.ParseUint(left, 10, 64)
	place, err2 := strconv.Atoi(right)
	return batch, place, err1 == nil && err2 == nil && batch > 0
}
