package client

import (
	"errors"
	"strconv"
	"strings"

	"github.com/postproof/postproof/idempotency"
)

// Version identifies the state in which somebody saw a job: the number is the record's
// [idempotency.Record.Fence], and a mark says in which history of the ledger. A
// restored backup comes to the same numbers again, and a decision about what was
// seen before is not about what is there now. It prints as in "11.3f2a1c", in JSON
// too, and [ParseVersion] reads that. [VersionOf] returns one; the zero value is
// none. Versions can be compared by ==.
type Version struct {
	number uint64
	mark   string
}

// markSize is the number of hexadecimal digits of a mark: few enough to be read, and
// of two histories one pair in 16 million has the same. Then a job must have come to
// the same number, too.
const markSize = 6

// Epoch names the history of the ledger that the client works on, for [VersionOf].
// Ask for it before the records are read: should a backup be restored in between,
// their versions are taken for older than they are, and refused, not for newer.
func (c *Client) Epoch() string { return c.id().Epoch }

// VersionOf returns the version of a record that was read after [Client.Epoch], or
// [idempotency.Identity.Epoch], had returned the epoch. It is what [IfUnchanged]
// takes.
func VersionOf(epoch string, rec *idempotency.Record) Version {
	return Version{number: rec.Fence, mark: digestOf([]byte(epoch))[:markSize]}
}

// ParseVersion reads what [Version.String] has printed. A number alone is none: it
// does not say in which history of the ledger the job was seen. The error has
// [postproof.CodeInvalidArgument].
func ParseVersion(text string) (Version, error) {
	digits, mark, marked := strings.Cut(text, ".")
	n, err := strconv.ParseUint(digits, 10, 64)
	switch v := (Version{number: n, mark: mark}); {
	case err == nil && n > 0 && !marked:
		return Version{}, invalid("version", errors.New("the number alone does not say in which history of the ledger the job was seen: give it as it is listed, as in 11.3f2a1c"))
	case err != nil, n == 0, len(mark) != markSize, strings.Trim(mark, "0123456789abcdef") != "", v.String() != text:
		return Version{}, invalid("version", errors.New("this is no version: want one as it is listed, as in 11.3f2a1c"))
	default:
		return v, nil
	}
}

// IsZero reports whether v is no version.
func (v Version) IsZero() bool { return v == Version{} }

// Number is the record's [idempotency.Record.Fence]. It grows with each change.
func (v Version) Number() uint64 { return v.number }

// SameHistory reports whether both were seen in one history of the ledger. Only
// then do their numbers say which is older.
func (v Version) SameHistory(o Version) bool { return v.mark == o.mark }

// String returns the version as [ParseVersion] reads it; empty for none.
func (v Version) String() string {
	if v.IsZero() {
		return ""
	}
	return strconv.FormatUint(v.number, 10) + "." + v.mark
}

// MarshalText implements [encoding.TextMarshaler].
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. Empty is no version.
func (v *Version) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*v = Version{}
		return nil
	}
	*v, err = ParseVersion(string(text))
	return err
}
