package vendors

import (
	"strings"

	"github.com/postproof/postproof"
)

// Facts describes a piece as far as every vendor echoes it: enough to tell
// that an order found under our reference is another piece. Addresses come
// back standardized, so only their robust parts are compared.
type Facts struct {
	Kind  postproof.PieceKind
	Size  postproof.Size // its edges; zero when not known
	Class postproof.MailClass
	// PostalCode is the first five characters of the recipient's code.
	PostalCode string
	// Content is a digest of the artwork and options as this module sent them,
	// where the vendor carries it back; see [ContentDigest].
	Content string
}

// Equal reports whether no fact that both sides know differs.
func (f Facts) Equal(other Facts) bool {
	same := func(a, b string) bool { return a == "" || b == "" || a == b }
	return same(string(f.Kind), string(other.Kind)) && sameSheet(f.Size, other.Size) &&
		same(string(f.Class), string(other.Class)) && same(f.PostalCode, other.PostalCode) &&
		sameContent(f.Content, other.Content)
}

func sameSheet(a, b postproof.Size) bool {
	return a.Same(postproof.Size{}) || b.Same(postproof.Size{}) || a.Same(b)
}

// sameContent compares digests of one version only: an upgrade of this module
// must not turn every order in flight into a stranger. What is no digest of
// ours is another content.
func sameContent(a, b string) bool {
	if a == "" || b == "" || a == b {
		return true
	}
	return len(a) == contentLength && len(b) == contentLength && a[0] != b[0]
}

// FactsOf returns the facts of a submission with its encoded body.
func FactsOf(job *postproof.Job, body *Body) Facts {
	f := Facts{
		Kind: job.Piece.Kind(), Size: job.Piece.Sheet(), Class: job.Class,
		PostalCode: PostalFact(job.To.PostalCode),
	}
	if body != nil {
		f.Content = body.Content
	}
	return f
}

// PostalFact returns the part of a postal code that survives standardizing: its
// first five characters, capitals, without spaces.
func PostalFact(code string) string {
	code = strings.ToUpper(strings.ReplaceAll(code, " ", ""))
	return code[:min(5, len(code))]
}
