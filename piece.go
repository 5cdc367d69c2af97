package postproof

import "log/slog"

// PieceKind names a kind of piece.
type PieceKind string

// The kinds of piece.
const (
	KindPostcard   PieceKind = "postcard"
	KindLetter     PieceKind = "letter"
	KindSelfMailer PieceKind = "self_mailer"
)

// Piece is what is printed: [Postcard], [Letter] or [SelfMailer], by value. The
// set is sealed; validation refuses a pointer to one.
type Piece interface {
	// Kind returns the kind of piece.
	Kind() PieceKind
	// Sheet returns the size.
	Sheet() Size
	// Art returns the artwork.
	Art() Artwork
	// WithArt returns a copy with other artwork.
	WithArt(Artwork) Piece
	piece()
}

// Postcard is a card printed on both sides.
type Postcard struct {
	Size    Size
	Artwork Artwork
}

// Letter is one or more sheets in an envelope.
type Letter struct {
	Size    Size
	Artwork Artwork
	// Color prints in color; otherwise in black.
	Color bool
	// DoubleSided prints on both sides of a sheet.
	DoubleSided bool
	// AddressPage inserts a blank page for the address; otherwise the address
	// is printed on the first page, which must leave room for it.
	AddressPage bool
}

// SelfMailer is a folded sheet that is mailed without an envelope.
type SelfMailer struct {
	Size    Size
	Artwork Artwork
}

// Kind implements [Piece].
func (Postcard) Kind() PieceKind { return KindPostcard }

// Kind implements [Piece].
func (Letter) Kind() PieceKind { return KindLetter }

// Kind implements [Piece].
func (SelfMailer) Kind() PieceKind { return KindSelfMailer }

// Sheet implements [Piece].
func (p Postcard) Sheet() Size { return p.Size }

// Sheet implements [Piece].
func (p Letter) Sheet() Size { return p.Size }

// Sheet implements [Piece].
func (p SelfMailer) Sheet() Size { return p.Size }

// Art implements [Piece].
func (p Postcard) Art() Artwork { return p.Artwork }

// Art implements [Piece].
func (p Letter) Art() Artwork { return p.Artwork }

// Art implements [Piece].
func (p SelfMailer) Art() Artwork { return p.Artwork }

// WithArt implements [Piece].
func (p Postcard) WithArt(a Artwork) Piece { p.Artwork = a; return p }

// WithArt implements [Piece].
func (p Letter) WithArt(a Artwork) Piece { p.Artwork = a; return p }

// WithArt implements [Piece].
func (p SelfMailer) WithArt(a Artwork) Piece { p.Artwork = a; return p }

// String returns the kind and the edges; the artwork may be personal.
func (p Postcard) String() string { return pieceText(p) }

// GoString keeps %#v from printing the artwork.
func (p Postcard) GoString() string { return "postproof.Postcard{" + p.Size.edges() + "}" }

// LogValue implements [slog.LogValuer] without the artwork.
func (p Postcard) LogValue() slog.Value { return slog.StringValue(pieceText(p)) }

// String returns the kind and the edges; the artwork may be personal.
func (p Letter) String() string { return pieceText(p) }

// GoString keeps %#v from printing the artwork.
func (p Letter) GoString() string { return "postproof.Letter{" + p.Size.edges() + "}" }

// LogValue implements [slog.LogValuer] without the artwork.
func (p Letter) LogValue() slog.Value { return slog.StringValue(pieceText(p)) }

// String returns the kind and the edges; the artwork may be personal.
func (p SelfMailer) String() string { return pieceText(p) }

// GoString keeps %#v from printing the artwork.
func (p SelfMailer) GoString() string { return "postproof.SelfMailer{" + p.Size.edges() + "}" }

// LogValue implements [slog.LogValuer] without the artwork.
func (p SelfMailer) LogValue() slog.Value { return slog.StringValue(pieceText(p)) }

func pieceText(p Piece) string { return string(p.Kind()) + "(" + p.Sheet().edges() + ")" }

// kindOf returns the kind of one of the three pieces, and nothing for nil,
// a pointer or an embedding type: these have the methods, too, but the
// ledger's form would lose what they hold, and a nil pointer panics.
func kindOf(p Piece) PieceKind {
	switch p.(type) {
	case Postcard, Letter, SelfMailer:
		return p.Kind()
	default:
		return ""
	}
}

func (Postcard) piece()   {}
func (Letter) piece()     {}
func (SelfMailer) piece() {}
