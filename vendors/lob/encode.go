package lob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

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
	fields, err := a.fields(ctx, s)
	if err != nil {
		return nil, err
	}
	content := vendors.ContentDigest(Name, &s.Job)
	fields = append(fields, field{"metadata", metadata(&s.Job, s.Ref, content)})
	var body *vendors.Body
	if hasFile(fields) {
		body = multipartBody(a.encoder(), boundary(s.Ref, content), fields, s.Open)
	} else {
		document, err := appendJSON(nil, fields)
		if err != nil {
			return nil, encodeError(postproof.CodeInternal, err)
		}
		body = vendors.JSONBody(a.encoder(), document)
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
		if k == "" || strings.ContainsFunc(k, func(r rune) bool { return r != '-' && notKeyRune(r) }) {
			return wrongField("metadata", "a key is not made of [A-Za-z0-9_-]")
		}
	}
	if !abroad {
		return nil
	}
	switch {
	case kind == postproof.KindPostcard && !job.Piece.Sheet().Same(postproof.Size4x6()):
		return unsupportedField("piece.size", "lob mails postcards abroad in size 4x6 only")
	case kind == postproof.KindSelfMailer:
		return unsupportedField("to.country", "lob is not known to mail self-mailers abroad")
	case job.Class != postproof.FirstClass && job.Class != postproof.Registered:
		return unsupportedField("class", "lob mails abroad as first_class or registered only")
	}
	return nil
}

// fields returns the request's fields in their fixed order.
func (a *Adapter) fields(ctx context.Context, s *vendors.Submission) ([]field, error) {
	job := &s.Job
	f := []field{{"to", addressFields(job.To)}}
	if !job.From.IsZero() {
		f = append(f, field{"from", addressFields(job.From)})
	}
	art, variables, err := artFields(ctx, s)
	if err != nil {
		return nil, err
	}
	f = append(f, art...)
	kind := job.Piece.Kind()
	if kind != postproof.KindLetter || a.sizedLetters() {
		f = append(f, field{"size", sizeKey(a.caps, kind, job.Piece.Sheet())})
	}
	if l, ok := job.Piece.(postproof.Letter); ok {
		placement := "top_first_page"
		if l.AddressPage {
			placement = "insert_blank_page"
		}
		f = append(f, field{"color", l.Color}, field{"double_sided", l.DoubleSided}, field{"address_placement", placement})
	}
	mailType, extra := classFields(job.Class)
	f = append(f, field{"mail_type", mailType})
	if extra != "" {
		f = append(f, field{"extra_service", extra})
	}
	if a.useType != "" {
		f = append(f, field{"use_type", string(a.useType)})
	} else {
		f = append(f, field{"use_type", nil}) // the account's default
	}
	if !job.SendDate.IsZero() {
		f = append(f, field{"send_date", job.SendDate.UTC().Format("2006-01-02T15:04:05.000Z")})
	}
	if len(variables) > 0 {
		f = append(f, field{"merge_variables", variables})
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

func addressFields(a postproof.Address) []field {
	var f []field
	add := func(name, value string) {
		if value != "" {
			f = append(f, field{name, value})
		}
	}
	add("name", a.Name)
	add("company", a.Company)
	add("address_line1", a.Line1)
	add("address_line2", a.Line2)
	add("address_city", a.City)
	add("address_state", a.Region)
	add("address_zip", a.PostalCode)
	add("address_country", a.CountryCode())
	return f
}

// metadata returns the caller's pairs in the order of their keys, then ours,
// which win.
func metadata(job *postproof.Job, ref postproof.Ref, content string) []field {
	var f []field
	for _, k := range sortedKeys(job.Metadata) {
		if k != metaRef && k != metaContent {
			f = append(f, field{k, job.Metadata[k]})
		}
	}
	return append(f, field{metaRef, string(ref)}, field{metaContent, content})
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

func artFields(ctx context.Context, s *vendors.Submission) (art, variables []field, err error) {
	front, back := sides(s.Job.Piece.Kind())
	var values [2]any
	switch a := s.Job.Piece.Art().(type) {
	case postproof.HTML:
		if values[0], err = markup(ctx, s, "front", a.Front, a.FrontBlob); err == nil && back != "" {
			values[1], err = markup(ctx, s, "back", a.Back, a.BackBlob)
		}
	case postproof.PDF:
		if values[0], err = fileValue(ctx, s, "front", a.Front, true); err == nil && back != "" {
			values[1], err = fileValue(ctx, s, "back", a.Back, true)
		}
	case postproof.Images:
		if values[0], err = fileValue(ctx, s, "front", a.Front, false); err == nil && back != "" {
			values[1], err = fileValue(ctx, s, "back", a.Back, false)
		}
	case postproof.Template:
		ids := a.IDs[Name]
		if values[0], err = templateID("front", ids.Front); err == nil && back != "" {
			values[1], err = templateID("back", ids.Back)
		}
		if err == nil {
			variables, err = variableFields(a.Variables)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	art = []field{{front, values[0]}}
	if back != "" {
		art = append(art, field{back, values[1]})
	}
	return art, variables, nil
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
	if !ok || rest == "" || strings.ContainsFunc(rest, notKeyRune) {
		return "", wrongField("piece.artwork.ids", "the "+side+" is not a template id of lob: want tmpl_…")
	}
	return id, nil
}

func variableFields(variables map[string]string) ([]field, error) {
	f := make([]field, 0, len(variables))
	for _, k := range sortedKeys(variables) {
		// docs: codes merge_variable_whitespace, special_characters_restricted.
		if k == "" || strings.ContainsAny(k, " \t\r\n\v\f!\"#%&'()*+,/;<=>@[\\]^`{|}~") {
			return nil, wrongField("piece.artwork.variables", "a name is empty or holds whitespace or a special character")
		}
		f = append(f, field{k, variables[k]})
	}
	if document, err := appendJSON(nil, f); err != nil || len(document) > 25000 {
		return nil, wrongField("piece.artwork.variables", "are longer than 25,000 characters as JSON")
	}
	return f, nil
}

// upload is the value of a field that is a file.
type upload struct {
	blob        postproof.Blob
	extension   string
	contentType string
}

func fileValue(ctx context.Context, s *vendors.Submission, side string, f postproof.File, pdf bool) (any, error) {
	path := "piece.artwork." + side
	switch {
	case f.URL != "":
		if !strings.HasPrefix(f.URL, "https://") {
			return nil, unsupportedField(path, "lob fetches artwork from https URLs only")
		}
		return f.URL, nil
	case f.Blob.IsZero():
		return nil, wrongField(path, "missing")
	case pdf:
		return upload{f.Blob, "pdf", "application/pdf"}, nil
	}
	head, err := readBlob(ctx, s, f.Blob, 8)
	switch {
	case err != nil:
		return nil, err
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return upload{f.Blob, "png", "image/png"}, nil
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return upload{f.Blob, "jpg", "image/jpeg"}, nil
	}
	return nil, wrongField(path, "is neither a PNG nor a JPEG")
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

// boundary is derived, so that the same submission gives the same bytes.
func boundary(ref postproof.Ref, content string) string {
	sum := sha256.Sum256([]byte("boundary\x00" + string(ref) + "\x00" + content))
	return "postproof-" + hex.EncodeToString(sum[:16])
}
