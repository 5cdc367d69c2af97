package postproof

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Job is one piece of mail to one recipient.
type Job struct {
	// Key is the idempotency key. Required.
	Key Key
	// To is the recipient, From the return address. From is optional where
	// the vendor's account has one, and required for mail abroad.
	To   Address
	From Address
	// Piece is what is printed. Required.
	Piece Piece
	// Class is the postal class. Required.
	Class MailClass
	// SendDate is when the vendor should mail the piece; zero means as soon as
	// possible, as does a date that has come when the job is sent. Vendors read it
	// to the minute (Lob) or to the day (PCM).
	SendDate time.Time
	// Campaign and Contact name the mailing and the recipient in the caller's
	// own system. They may hold personal data and are treated as such.
	Campaign string
	Contact  string
	// Priority orders work: a higher one goes first. The default is 0.
	Priority int
	// Metadata is handed to vendors that take it. No personal data here: some
	// vendors show it in their dashboards. At most 10 pairs, keys of
	// 1 to 40 characters [A-Za-z0-9_-], values of at most 200.
	Metadata map[string]string
}

// String returns a form without personal data.
func (j Job) String() string {
	return fmt.Sprintf("job(%s %s)", j.Key, cmp.Or(kindOf(j.Piece), "?"))
}

// GoString keeps %#v from printing personal data.
func (j Job) GoString() string { return "postproof.Job{" + j.String() + "}" }

// LogValue implements [slog.LogValuer] without personal data.
func (j Job) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Any("key", j.Key)}
	if kind := kindOf(j.Piece); kind != "" {
		attrs = append(attrs, slog.String("piece", string(kind)))
	}
	return slog.GroupValue(append(attrs, slog.String("class", string(j.Class.safe())), slog.Any("to", j.To))...)
}

type jobJSON struct {
	Key      string            `json:"key"`
	To       Address           `json:"to"`
	From     Address           `json:"from,omitzero"`
	Piece    pieceJSON         `json:"piece"`
	Class    MailClass         `json:"class"`
	SendDate time.Time         `json:"send_date,omitzero"`
	Campaign string            `json:"campaign,omitempty"`
	Contact  string            `json:"contact,omitempty"`
	Priority int               `json:"priority,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

type pieceJSON struct {
	Kind        PieceKind `json:"kind"`
	Size        Size      `json:"size"`
	HTML        *HTML     `json:"html,omitempty"`
	PDF         *PDF      `json:"pdf,omitempty"`
	Images      *Images   `json:"images,omitempty"`
	Template    *Template `json:"template,omitempty"`
	Color       bool      `json:"color,omitempty"`
	DoubleSided bool      `json:"double_sided,omitempty"`
	AddressPage bool      `json:"address_page,omitempty"`
}

// MarshalJSON returns the form in which the ledger keeps the job. It holds
// the personal data. A piece or artwork that [Job.Validate] refuses as not
// given by value is an error.
func (j Job) MarshalJSON() ([]byte, error) {
	if j.Piece != nil && (kindOf(j.Piece) == "" || (j.Piece.Art() != nil && contentOf(j.Piece.Art()) == "")) {
		return nil, errors.New("postproof: job: piece or artwork is not given by value")
	}
	var room [1024]byte
	text, err := jsonText(room[:0]).job(&j)
	return bytes.Clone(text), err
}

// UnmarshalJSON reads what [Job.MarshalJSON] wrote.
func (j *Job) UnmarshalJSON(data []byte) error {
	in, ok := readJob(string(data))
	if !ok {
		other := new(jobJSON)
		if err := json.Unmarshal(data, other); err != nil {
			return fmt.Errorf("postproof: job: %w", err)
		}
		in = *other
	}
	*j = Job{
		Key: Key(in.Key), To: in.To, From: in.From, Class: in.Class, SendDate: in.SendDate,
		Campaign: in.Campaign, Contact: in.Contact, Priority: in.Priority, Metadata: in.Metadata,
	}
	var art Artwork
	p := in.Piece
	switch {
	case p.HTML != nil:
		art = *p.HTML
	case p.PDF != nil:
		art = *p.PDF
	case p.Images != nil:
		art = *p.Images
	case p.Template != nil:
		art = *p.Template
	}
	switch p.Kind {
	case KindPostcard:
		j.Piece = Postcard{Size: p.Size, Artwork: art}
	case KindLetter:
		j.Piece = Letter{Size: p.Size, Artwork: art, Color: p.Color, DoubleSided: p.DoubleSided, AddressPage: p.AddressPage}
	case KindSelfMailer:
		j.Piece = SelfMailer{Size: p.Size, Artwork: art}
	case "":
	default:
		return fmt.Errorf("postproof: job: piece kind %q is not known to this version", p.Kind)
	}
	return nil
}
