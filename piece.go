package postproof

// PieceKind names a kind of piece.
type PieceKind string

// The kinds of piece.
const (
	KindPostcard   PieceKind = "postcard"
	KindLetter     PieceKind = "letter"
	KindSelfMailer PieceKind = "self_mailer"
)

// Piece is what is printed: [Postcard], [Letter] or [SelfMailer]. The set is
// sealed.
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

func (Postcard) piece()   {}
func (Letter) piece()     {}
func (SelfMailer) piece() {}
