package pcm

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// The requests. The order of their fields is the order of the bytes, which
// must never change under one encoder name.
type order struct {
	MailClass string `json:"mailClass"`
	// Postcards.
	Size  string `json:"size,omitempty"`
	Front string `json:"front,omitempty"`
	Back  string `json:"back,omitempty"`
	// Letters.
	Letter string `json:"letter,omitempty"`
	*letterOptions
	DesignID      int64       `json:"designID,omitempty"`
	ExtRefNbr     string      `json:"extRefNbr"`
	MailDate      string      `json:"mailDate,omitempty"`
	ReturnAddress *address    `json:"returnAddress,omitempty"`
	Recipients    []recipient `json:"recipients"`
}

type letterOptions struct {
	LetterStock          string   `json:"letterStock"`
	Color                bool     `json:"color"`
	PrintOnBothSides     bool     `json:"printOnBothSides"`
	InsertAddressingPage bool     `json:"insertAddressingPage"`
	Envelope             envelope `json:"envelope"`
}

type envelope struct {
	Type string `json:"type"`
}

type address struct {
	Company   string `json:"company,omitempty"`
	FirstName string `json:"firstName,omitempty"`
	LastName  string `json:"lastName,omitempty"`
	Address   string `json:"address"`
	Address2  string `json:"address2,omitempty"`
	City      string `json:"city"`
	State     string `json:"state"`
	ZIPCode   string `json:"zipCode"`
}

type recipient struct {
	address
	ExtRefNbr string     `json:"extRefNbr"`
	Variables []variable `json:"variables,omitempty"`
}

type variable struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Encode implements [vendors.Adapter].
func (a *Adapter) Encode(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
	job := &s.Job
	if err := a.caps.Supports(job); err != nil {
		return nil, err
	}
	if !job.From.IsZero() && job.From.CountryCode() != "US" {
		return nil, unsupportedField("from.country", "pcm wants a return address in the US")
	}
	content := vendors.ContentDigest(Name, job)
	o := order{
		MailClass: "FirstClass", ExtRefNbr: string(s.Ref),
		Recipients: []recipient{{address: addressOf(job.To), ExtRefNbr: content}},
	}
	if job.Class == postproof.Marketing {
		o.MailClass = "Standard"
	}
	if !job.SendDate.IsZero() {
		// The UTC date, which is never earlier than the date in the US.
		o.MailDate = job.SendDate.UTC().Format(time.DateOnly)
	}
	if !job.From.IsZero() {
		from := addressOf(job.From)
		o.ReturnAddress = &from
	}
	encoder := "pcm/1"
	if l, ok := job.Piece.(postproof.Letter); ok {
		encoder += "+" + a.envelope + "+" + a.stock
		o.letterOptions = &letterOptions{
			LetterStock: a.stock, Color: l.Color, PrintOnBothSides: l.DoubleSided,
			InsertAddressingPage: l.AddressPage, Envelope: envelope{Type: a.envelope},
		}
	}
	if err := o.setArt(ctx, s); err != nil {
		return nil, err
	}
	document, err := marshal(o)
	if err != nil {
		return nil, encodeError(postproof.CodeInternal, err)
	}
	body := vendors.JSONBody(encoder, document)
	body.Content = content
	return body, nil
}

func (o *order) setArt(ctx context.Context, s *vendors.Submission) error {
	var front, back string
	var err error
	letter := s.Job.Piece.Kind() == postproof.KindLetter
	switch art := s.Job.Piece.Art().(type) {
	case postproof.HTML:
		if front, err = markup(ctx, s, "front", art.Front, art.FrontBlob); err == nil && !letter {
			back, err = markup(ctx, s, "back", art.Back, art.BackBlob)
		}
	case postproof.PDF:
		if front, err = fileURL("front", art.Front); err == nil && !letter {
			back, err = fileURL("back", art.Back)
		}
	case postproof.Images:
		if front, err = fileURL("front", art.Front); err == nil && !letter {
			back, err = fileURL("back", art.Back)
		}
	case postproof.Template:
		return o.setDesign(art)
	}
	if err != nil {
		return err
	}
	if letter {
		o.Letter = front
		return nil
	}
	o.Size, o.Front, o.Back = sizeKey(s.Job.Piece.Sheet()), front, back
	return nil
}

func (o *order) setDesign(t postproof.Template) error {
	ids := t.IDs[Name]
	id, err := strconv.ParseInt(ids.Front, 10, 64)
	if err != nil || id <= 0 {
		return wrongField("piece.artwork.ids", "the front is not a design id of pcm: want a number")
	}
	if ids.Back != "" {
		return wrongField("piece.artwork.ids", "a design of pcm holds both sides: set Front only")
	}
	o.DesignID = id
	for _, k := range slices.Sorted(maps.Keys(t.Variables)) {
		o.Recipients[0].Variables = append(o.Recipients[0].Variables, variable{k, t.Variables[k]})
	}
	return nil
}

// addressOf splits the name: PCM prints the two parts with a space between them.
func addressOf(a postproof.Address) address {
	first, last := vendors.SplitName(a.Name)
	return address{
		Company: a.Company, FirstName: first, LastName: last,
		Address: a.Line1, Address2: a.Line2, City: a.City, State: a.Region, ZIPCode: a.PostalCode,
	}
}

// markup returns a side's HTML. PCM tells markup from URLs by its content, so
// it must look like markup.
func markup(ctx context.Context, s *vendors.Submission, side, inline string, blob postproof.Blob) (string, error) {
	if inline == "" && !blob.IsZero() {
		if s.Open == nil {
			return "", encodeError(postproof.CodeInternal, errors.New("the submission names artwork but has nothing to open it with"))
		}
		rc, err := s.Open(ctx, blob)
		if err != nil {
			return "", encodeError(postproof.CodeUnavailable, fmt.Errorf("open artwork: %w", err))
		}
		raw, err := io.ReadAll(io.LimitReader(rc, blob.Size))
		if err = cmp.Or(err, rc.Close()); err != nil {
			return "", encodeError(postproof.CodeUnavailable, fmt.Errorf("read artwork: %w", err))
		}
		inline = string(raw)
	}
	if !strings.Contains(inline, "<") {
		return "", wrongField("piece.artwork."+side, "is not HTML: it holds no tag, and pcm would take it for a URL")
	}
	return inline, nil
}

func fileURL(side string, f postproof.File) (string, error) {
	path := "piece.artwork." + side
	switch {
	case f.URL != "":
		return f.URL, nil
	case !f.Blob.IsZero():
		return "", unsupportedField(path, "pcm takes no uploads: put the file where it can be fetched, and give its URL")
	default:
		return "", wrongField(path, "missing")
	}
}

// marshal leaves markup readable: json.Marshal escapes < and >.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func encodeError(code postproof.Code, err error) error {
	return &postproof.Error{Code: code, Delivery: postproof.NotSent, Vendor: Name, Op: string(postproof.OpSubmit), Err: err}
}

func wrongField(path, reason string) error {
	return encodeError(postproof.CodeInvalidArgument, postproof.FieldError{Path: path, Reason: reason})
}

func unsupportedField(path, reason string) error {
	return encodeError(postproof.CodeUnsupported, postproof.FieldError{Path: path, Reason: reason})
}
