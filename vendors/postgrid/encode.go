package postgrid

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// encoder names what the bytes depend on beside the submission.
const encoder = "postgrid/1"

// The metadata pairs that are ours.
const (
	metaRef     = "postproof_ref"
	metaContent = "postproof_content"
)

// Encode implements [vendors.Adapter]. Markup, URLs and templates become JSON;
// a letter's PDF from the blob store makes it multipart/form-data, with a
// boundary derived from the reference.
func (a *Adapter) Encode(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
	job := &s.Job
	if err := a.check(job); err != nil {
		return nil, err
	}
	var f fieldList
	f.address("to", &job.To)
	if !job.From.IsZero() {
		f.address("from", &job.From)
	}
	f.text("size", sizeKey(a.caps, job.Piece.Kind(), job.Piece.Sheet()))
	if err := f.artwork(ctx, s); err != nil {
		return nil, err
	}
	if l, ok := job.Piece.(postproof.Letter); ok {
		placement := "top_first_page"
		if l.AddressPage {
			placement = "insert_blank_page"
		}
		f.flag("color", l.Color)
		f.flag("doubleSided", l.DoubleSided)
		f.text("addressPlacement", placement)
	}
	f.text("mailingClass", classKey(job.Class))
	if !job.SendDate.IsZero() {
		// Noon UTC is the same day in UTC and in New York, whichever the vendor
		// reads it in. The UTC date is never earlier than the date there.
		f.text("sendDate", job.SendDate.UTC().Format("2006-01-02")+"T12:00:00.000Z")
	}
	f.text("description", string(s.Ref))
	content := vendors.ContentDigest(Name, job)
	f.metadata(job, s.Ref, content)
	var body *vendors.Body
	if f.hasFile() {
		body = f.form(vendors.NewForm(s.Ref, content)).Build(encoder, s.Open)
	} else {
		body = vendors.JSONBody(encoder, f.json())
	}
	body.Content = content
	return body, nil
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

// check holds what capabilities cannot express. Of the classes other than
// first_class the SDK names variants of the US postal service; that they exist
// elsewhere is not said.
func (a *Adapter) check(job *postproof.Job) error {
	if err := a.caps.Supports(job); err != nil {
		return err
	}
	if job.From.IsZero() && job.Piece.Kind() != postproof.KindPostcard {
		return wrongField("from", "missing: postgrid wants a return address on letters and self-mailers")
	}
	if job.Class != postproof.FirstClass && job.To.CountryCode() != "US" {
		return unsupportedField("class", "postgrid is not known to send this class outside the US")
	}
	if job.Piece.Kind() == postproof.KindLetter && job.Piece.Sheet().Same(SizeA4()) != printsA4(job.To.CountryCode()) {
		// guide "design guidelines": a letter's page is 8.5 by 11 inches in Canada and
		// the US, 8.3 by 11.7 and 8.25 by 11.75 in the United Kingdom and Australia.
		// That another size would be printed on its own sheet is not said.
		return unsupportedField("piece.size", "postgrid prints letters of us_letter in the US and Canada, and of a4 in the United Kingdom and Australia")
	}
	for k := range job.Metadata {
		if k == "" || strings.ContainsFunc(k, func(r rune) bool { return r != '-' && notWordRune(r) }) {
			return wrongField("metadata", "a key is not made of [A-Za-z0-9_-]")
		}
	}
	return nil
}

// printsA4 reports whether letters to the country are printed there on sheets of A4.
func printsA4(country string) bool { return country == "GB" || country == "AU" }

// address appends a contact, with its name split: PostGrid prints the two parts with a
// space between them.
func (l *fieldList) address(name string, a *postproof.Address) {
	first, last := vendors.SplitName(a.Name)
	l.open(name)
	l.textIfAny("firstName", first)
	l.textIfAny("lastName", last)
	l.textIfAny("companyName", a.Company)
	l.textIfAny("addressLine1", a.Line1)
	l.textIfAny("addressLine2", a.Line2)
	l.textIfAny("city", a.City)
	l.textIfAny("provinceOrState", a.Region)
	l.textIfAny("postalOrZip", a.PostalCode)
	l.text("countryCode", a.CountryCode())
	l.end()
}

// metadata appends the caller's pairs in the order of their keys, then ours,
// which win.
func (l *fieldList) metadata(job *postproof.Job, ref postproof.Ref, content string) {
	l.open("metadata")
	for _, k := range sortedKeys(job.Metadata) {
		if k != metaRef && k != metaContent {
			l.text(k, job.Metadata[k])
		}
	}
	l.text(metaRef, string(ref))
	l.text(metaContent, content)
	l.end()
}

// sides returns the names that the artwork's fields begin with; a letter has
// one, which is empty.
func sides(kind postproof.PieceKind) (front, back string) {
	switch kind {
	case postproof.KindLetter:
		return "", ""
	case postproof.KindSelfMailer:
		return "outside", "inside"
	default:
		return "front", "back"
	}
}

// sideName is frontHTML, or html where there are no sides.
func sideName(side, form string) string {
	if side == "" {
		return strings.ToLower(form)
	}
	return side + form
}

func (l *fieldList) artwork(ctx context.Context, s *vendors.Submission) error {
	front, back := sides(s.Job.Piece.Kind())
	twoSided := back != ""
	switch art := s.Job.Piece.Art().(type) {
	case postproof.HTML:
		text, err := markup(ctx, s, "front", art.Front, art.FrontBlob)
		if err != nil {
			return err
		}
		l.text(sideName(front, "HTML"), text)
		if !twoSided {
			return nil
		}
		if text, err = markup(ctx, s, "back", art.Back, art.BackBlob); err != nil {
			return err
		}
		l.text(sideName(back, "HTML"), text)
	case postproof.Template:
		return l.templates(art, front, back)
	case postproof.PDF:
		return l.pdf(art.Front)
	default:
		return unsupportedField("piece.artwork", "postgrid prints no such artwork")
	}
	return nil
}

func markup(ctx context.Context, s *vendors.Submission, side, inline string, blob postproof.Blob) (string, error) {
	path := "piece.artwork." + side
	switch {
	case inline != "":
		return inline, nil
	case blob.IsZero():
		return "", wrongField(path, "missing")
	case s.Open == nil:
		return "", encodeError(postproof.CodeInternal, errors.New("the submission names artwork but has nothing to open it with"))
	}
	rc, err := s.Open(ctx, blob)
	if err != nil {
		return "", encodeError(postproof.CodeUnavailable, fmt.Errorf("open artwork: %w", err))
	}
	defer rc.Close()
	raw, err := io.ReadAll(io.LimitReader(rc, blob.Size))
	if err != nil {
		return "", encodeError(postproof.CodeUnavailable, fmt.Errorf("read artwork: %w", err))
	}
	if int64(len(raw)) != blob.Size {
		return "", encodeError(postproof.CodeInternal, errors.New("the artwork is shorter than its blob's size"))
	}
	return string(raw), nil
}

func (l *fieldList) templates(art postproof.Template, front, back string) error {
	ids := art.IDs[Name]
	if !isTemplate(ids.Front) {
		return wrongField("piece.artwork.ids", "the front is not a template id of postgrid: want template_…")
	}
	l.text(sideName(front, "Template"), ids.Front)
	if back != "" {
		if !isTemplate(ids.Back) {
			return wrongField("piece.artwork.ids", "the back is not a template id of postgrid: want template_…")
		}
		l.text(sideName(back, "Template"), ids.Back)
	}
	if len(art.Variables) == 0 {
		return nil
	}
	l.open("mergeVariables")
	for _, k := range sortedKeys(art.Variables) {
		l.text(k, art.Variables[k])
	}
	l.end()
	return nil
}

func isTemplate(id string) bool {
	rest, ok := strings.CutPrefix(id, "template_")
	return ok && rest != "" && !strings.ContainsFunc(rest, notWordRune)
}

func (l *fieldList) pdf(f postproof.File) error {
	switch {
	case f.URL != "":
		l.text("pdf", f.URL)
	case !f.Blob.IsZero():
		l.upload("pdf", f.Blob)
	default:
		return wrongField("piece.artwork.front", "missing")
	}
	return nil
}
