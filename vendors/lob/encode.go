package lob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// The metadata pairs that are ours.
const (
	metaRef     = "postproof_ref"
	metaContent = "postproof_content"
)

// Encode implements [vendors.Adapter]. Markup, URLs and templates become
// JSON; artwork from the blob store makes it multipart/form-data, the only
// form that carries files, with a boundary derived from the reference.
func (a *Adapter) Encode(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
	if err := a.check(&s.Job); err != nil {
		return nil, err
	}
	var room [usualFields]field
	fields, err := a.fields(ctx, s, room[:0])
	if err != nil {
		return nil, err
	}
	content := vendors.ContentDigest(Name, &s.Job)
	fields = fields.metadata(&s.Job, s.Ref, content)
	var body *vendors.Body
	if fields.hasFile() {
		body = fields.form(vendors.NewForm(s.Ref, content)).Build(a.encoder(), s.Open)
	} else {
		body = vendors.JSONBody(a.encoder(), fields.json())
	}
	body.Content = content
	return body, nil
}

// encoder names everything but the submission that the bytes depend on.
func (a *Adapter) encoder() string {
	name := "lob/1"
	if a.useType != "" {
		name += "+" + string(a.useType)
	}
	if !a.sizedLetters() {
		name += "+unsized"
	}
	return name
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

// check holds what capabilities cannot express.
func (a *Adapter) check(job *postproof.Job) error {
	if err := a.caps.Supports(job); err != nil {
		return err
	}
	abroad := job.To.CountryCode() != "US"
	kind := job.Piece.Kind()
	switch {
	case !job.From.IsZero() && job.From.CountryCode() != "US":
		return unsupportedField("from.country", "lob wants a return address in the US")
	case job.From.IsZero() && (abroad || kind == postproof.KindLetter):
		return wrongField("from", "missing: lob wants a return address on letters and on mail abroad")
	case !abroad && job.Class == postproof.Registered:
		return unsupportedField("class", "lob sends registered mail abroad only")
	case kind == postproof.KindLetter && !a.sizedLetters() && !job.Piece.Sheet().Same(postproof.SizeUSLetter()):
		return unsupportedField("piece.size", "this version of lob's API prints us_letter only")
	}
	for k := range job.Metadata {
		if k == "" || !isWord(k, "-") {
			return wrongField("metadata", "a key is not made of [A-Za-z0-9_-]")
		}
	}
	if !abroad {
		return nil
	}
	switch {
	case job.To.PostalCode == "" && job.To.Region == "":
		// docs, of an address abroad: it has a city and a state, or a postal code.
		return wrongField("to.postal_code", "missing: lob wants a postal code abroad, or a region beside the city")
	case kind == postproof.KindPostcard && !job.Piece.Sheet().Same(postproof.Size4x6()):
		return unsupportedField("piece.size", "lob mails postcards abroad in size 4x6 only")
	case kind == postproof.KindSelfMailer:
		return unsupportedField("to.country", "lob is not known to mail self-mailers abroad")
	case job.Class != postproof.FirstClass && job.Class != postproof.Registered:
		return unsupportedField("class", "lob mails abroad as first_class or registered only")
	}
	return nil
}

// fields appends the request's fields in their fixed order.
func (a *Adapter) fields(ctx context.Context, s *vendors.Submission, f fieldList) (fieldList, error) {
	job := &s.Job
	f = f.address("to", &job.To)
	if !job.From.IsZero() {
		f = f.address("from", &job.From)
	}
	kind := job.Piece.Kind()
	front, back := sides(kind)
	f, err := artFields(ctx, s, f, front, back)
	if err != nil {
		return nil, err
	}
	if kind != postproof.KindLetter || a.sizedLetters() {
		f = f.text("size", sizeKey(a.caps, kind, job.Piece.Sheet()))
	}
	if l, ok := job.Piece.(postproof.Letter); ok {
		placement := "top_first_page"
		if l.AddressPage {
			placement = "insert_blank_page"
		}
		f = f.flag("color", l.Color).flag("double_sided", l.DoubleSided).text("address_placement", placement)
	}
	mailType, extra := classFields(job.Class)
	f = f.text("mail_type", mailType).textIfAny("extra_service", extra)
	if a.useType != "" {
		f = f.text("use_type", string(a.useType))
	} else {
		f = f.literal("use_type", null) // the account's default
	}
	if !job.SendDate.IsZero() {
		f = f.text("send_date", job.SendDate.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	if t, ok := job.Piece.Art().(postproof.Template); ok && len(t.Variables) > 0 {
		return variableFields(f, t.Variables)
	}
	return f, nil
}

// classFields returns mail_type and extra_service of a class.
func classFields(c postproof.MailClass) (mailType, extra string) {
	switch c {
	case postproof.Marketing:
		return "usps_standard", ""
	case postproof.Certified, postproof.CertifiedReturnReceipt, postproof.Registered:
		return "usps_first_class", string(c)
	default:
		return "usps_first_class", ""
	}
}

func (l fieldList) address(name string, a *postproof.Address) fieldList {
	return l.open(name).
		textIfAny("name", a.Name).
		textIfAny("company", a.Company).
		textIfAny("address_line1", a.Line1).
		textIfAny("address_line2", a.Line2).
		textIfAny("address_city", a.City).
		textIfAny("address_state", a.Region).
		textIfAny("address_zip", a.PostalCode).
		textIfAny("address_country", a.CountryCode()).
		end()
}

// metadata appends the caller's pairs in the order of their keys, then ours,
// which win.
func (l fieldList) metadata(job *postproof.Job, ref postproof.Ref, content string) fieldList {
	l = l.open("metadata")
	for _, k := range sortedKeys(job.Metadata) {
		if k != metaRef && k != metaContent {
			l = l.text(k, job.Metadata[k])
		}
	}
	return l.text(metaRef, string(ref)).text(metaContent, content).end()
}

// sides returns the names of the artwork's fields; a letter has one.
func sides(kind postproof.PieceKind) (front, back string) {
	switch kind {
	case postproof.KindLetter:
		return "file", ""
	case postproof.KindSelfMailer:
		return "outside", "inside"
	default:
		return "front", "back"
	}
}

// artFields appends the sides of the artwork; back is empty where there is
// none.
func artFields(ctx context.Context, s *vendors.Submission, f fieldList, front, back string) (fieldList, error) {
	names := [...]string{front, back}
	for i, side := range [...]string{"front", "back"} {
		if names[i] == "" {
			continue
		}
		value, err := sideField(ctx, s, side)
		if err != nil {
			return nil, err
		}
		value.name = names[i]
		f = append(f, value)
	}
	return f, nil
}

// sideField returns the artwork of one side, without the field's name.
func sideField(ctx context.Context, s *vendors.Submission, side string) (field, error) {
	of := func(front, back string) string {
		if side == "front" {
			return front
		}
		return back
	}
	file := func(front, back postproof.File) postproof.File {
		if side == "front" {
			return front
		}
		return back
	}
	switch a := s.Job.Piece.Art().(type) {
	case postproof.HTML:
		blob := a.FrontBlob
		if side == "back" {
			blob = a.BackBlob
		}
		text, err := markup(ctx, s, side, of(a.Front, a.Back), blob)
		return field{kind: textField, text: text}, err
	case postproof.PDF:
		return fileValue(ctx, s, side, file(a.Front, a.Back), true)
	case postproof.Images:
		return fileValue(ctx, s, side, file(a.Front, a.Back), false)
	case postproof.Template:
		ids := a.IDs[Name]
		text, err := templateID(side, of(ids.Front, ids.Back))
		return field{kind: textField, text: text}, err
	default:
		return field{}, unsupportedField("piece.artwork", "lob prints no such artwork")
	}
}

// markup returns a side's HTML. Lob tells markup from template ids and URLs
// by its content, so it must look like markup.
func markup(ctx context.Context, s *vendors.Submission, side, inline string, blob postproof.Blob) (string, error) {
	if inline == "" && !blob.IsZero() {
		raw, err := readBlob(ctx, s, blob, blob.Size)
		if err != nil {
			return "", err
		}
		inline = string(raw)
	}
	if !strings.Contains(inline, "<") {
		return "", wrongField("piece.artwork."+side, "is not HTML: it holds no tag, and lob would take it for a template or a URL")
	}
	return inline, nil
}

func templateID(side, id string) (string, error) {
	rest, ok := strings.CutPrefix(id, "tmpl_")
	if !ok || rest == "" || !isWord(rest, "") {
		return "", wrongField("piece.artwork.ids", "the "+side+" is not a template id of lob: want tmpl_…")
	}
	return id, nil
}

func variableFields(f fieldList, variables map[string]string) (fieldList, error) {
	f = f.open("merge_variables")
	for _, k := range sortedKeys(variables) {
		// docs: codes merge_variable_whitespace, special_characters_restricted.
		if k == "" || strings.ContainsFunc(k, unicode.IsSpace) || strings.ContainsAny(k, "!\"#%&'()*+,/;<=>@[\\]^`{|}~") {
			return nil, wrongField("piece.artwork.variables", "a name is empty or holds whitespace or a special character")
		}
		f = f.text(k, variables[k])
	}
	return f.end(), nil
}

// upload is the value of a field that is a file.
type upload struct {
	blob        postproof.Blob
	extension   string
	contentType string
}

func fileValue(ctx context.Context, s *vendors.Submission, side string, f postproof.File, pdf bool) (field, error) {
	path := "piece.artwork." + side
	switch {
	case f.URL != "":
		if !strings.HasPrefix(f.URL, "https://") {
			return field{}, unsupportedField(path, "lob fetches artwork from https URLs only")
		}
		return field{kind: textField, text: f.URL}, nil
	case f.Blob.IsZero():
		return field{}, wrongField(path, "missing")
	case pdf:
		return fileOf(f.Blob, "pdf", "application/pdf"), nil
	}
	head, err := readBlob(ctx, s, f.Blob, 8)
	switch {
	case err != nil:
		return field{}, err
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return fileOf(f.Blob, "png", "image/png"), nil
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return fileOf(f.Blob, "jpg", "image/jpeg"), nil
	}
	return field{}, wrongField(path, "is neither a PNG nor a JPEG")
}

func fileOf(blob postproof.Blob, extension, contentType string) field {
	return field{kind: fileField, file: &upload{blob, extension, contentType}}
}

// readBlob returns the first n bytes of a blob.
func readBlob(ctx context.Context, s *vendors.Submission, blob postproof.Blob, n int64) ([]byte, error) {
	if s.Open == nil {
		return nil, encodeError(postproof.CodeInternal, errors.New("the submission names artwork but has nothing to open it with"))
	}
	rc, err := s.Open(ctx, blob)
	if err != nil {
		return nil, encodeError(postproof.CodeUnavailable, fmt.Errorf("open artwork: %w", err))
	}
	defer rc.Close()
	raw, err := io.ReadAll(io.LimitReader(rc, n))
	if err != nil {
		return nil, encodeError(postproof.CodeUnavailable, fmt.Errorf("read artwork: %w", err))
	}
	return raw, nil
}
