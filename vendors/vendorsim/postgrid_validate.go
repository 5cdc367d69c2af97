package vendorsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	pgTemplate = regexp.MustCompile(`^template_[a-zA-Z0-9]+$`)
	pgCountry  = regexp.MustCompile(`^[A-Z]{2}$`)
)

// pgData is what PostGrid keeps of an order beside what every order has.
// Artwork is not kept.
type pgData struct {
	Description    string                     `json:"description,omitempty"`
	Metadata       map[string]json.RawMessage `json:"metadata,omitempty"`
	To             *pgContact                 `json:"to"`
	From           *pgContact                 `json:"from,omitempty"`
	Size           string                     `json:"size"`
	Class          string                     `json:"mailingClass"`
	SendDate       time.Time                  `json:"sendDate"`
	PrintAt        time.Time                  `json:"printAt"`
	MergeVariables json.RawMessage            `json:"mergeVariables,omitempty"`
	Templates      map[string]string          `json:"templates,omitempty"`
	Uploaded       bool                       `json:"uploaded,omitempty"`
	// Letters only.
	Color       bool   `json:"color,omitempty"`
	DoubleSided bool   `json:"doubleSided,omitempty"`
	Placement   string `json:"addressPlacement,omitempty"`
}

// pgContact is an address as PostGrid gives it back.
type pgContact struct {
	FirstName   string `json:"firstName,omitempty"`
	LastName    string `json:"lastName,omitempty"`
	CompanyName string `json:"companyName,omitempty"`
	Line1       string `json:"addressLine1"`
	Line2       string `json:"addressLine2,omitempty"`
	City        string `json:"city,omitempty"`
	Region      string `json:"provinceOrState,omitempty"`
	PostalCode  string `json:"postalOrZip,omitempty"`
	Country     string `json:"countryCode"`
}

func (c *pgContact) digest() string {
	return RecipientDigest(c.Line1, c.Line2, c.City, c.Region, c.PostalCode)
}

// pgParse reads a body in any of the three encodings.
func pgParse(r *http.Request) (*lobFields, *problem) {
	f := newFields(pgMaxFile)
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil:
	case media == "application/json":
		err = f.parseJSON(r)
	case media == "application/x-www-form-urlencoded":
		err = f.parseForm(r)
	case media == "multipart/form-data":
		err = f.parseMultipart(r, params["boundary"])
	default:
		err = errors.New("another media type")
	}
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, errFileTooLarge):
		return nil, pgProblem(http.StatusRequestEntityTooLarge, "request_too_large_error", "the request is too large")
	case err != nil:
		return nil, pgInvalid("the request body could not be read")
	}
	return f, nil
}

// pgCheck is a validation that keeps the first problem.
type pgCheck struct {
	f       *lobFields
	kind    pgKind
	data    *pgData
	problem *problem
}

func pgValidate(f *lobFields, kind pgKind) (*pgData, *problem) {
	c := &pgCheck{f: f, kind: kind, data: &pgData{Templates: map[string]string{}}}
	for _, step := range []func(){c.contacts, c.options, c.artwork, c.sendDate, c.letter} {
		if step(); c.problem != nil {
			return nil, c.problem
		}
	}
	return c.data, nil
}

func (c *pgCheck) fail(format string, args ...any) {
	if c.problem == nil {
		c.problem = pgInvalid(fmt.Sprintf(format, args...))
	}
}

// text returns a string; "" when it is absent or null.
func (c *pgCheck) text(object map[string]any, name string) string {
	switch v := object[name].(type) {
	case nil:
	case string:
		return v
	default:
		c.fail("%s must be a string", name)
	}
	return ""
}

func (c *pgCheck) flag(name string) bool {
	switch v := c.f.top[name].(type) {
	case nil:
		return false
	case bool:
		return v
	case string: // of a form
		b, err := strconv.ParseBool(v)
		if err != nil {
			c.fail("%s must be a boolean", name)
		}
		return b
	default:
		c.fail("%s must be a boolean", name)
		return false
	}
}

func (c *pgCheck) choice(name, absent string, allowed ...string) string {
	v := c.text(c.f.top, name)
	if v == "" {
		v = absent
	}
	if !slices.Contains(allowed, v) {
		c.fail("%s must be one of %s", name, strings.Join(allowed, ", "))
	}
	return v
}

func (c *pgCheck) contacts() {
	if c.data.To = c.contact("to"); c.data.To == nil {
		c.fail("to is required")
	}
	if c.data.From = c.contact("from"); c.data.From == nil && c.kind.object != "postcard" {
		c.fail("from is required")
	}
}

// contact reads an inline contact; nil when it is absent. No address book is
// kept, so that a contact's id is never found.
func (c *pgCheck) contact(field string) *pgContact {
	switch v := c.f.top[field].(type) {
	case nil:
		return nil
	case map[string]any:
		in := &pgContact{
			FirstName: c.text(v, "firstName"), LastName: c.text(v, "lastName"), CompanyName: c.text(v, "companyName"),
			Line1: c.text(v, "addressLine1"), Line2: c.text(v, "addressLine2"), City: c.text(v, "city"),
			Region: c.text(v, "provinceOrState"), PostalCode: c.text(v, "postalOrZip"), Country: c.text(v, "countryCode"),
		}
		switch {
		case in.FirstName == "" && in.CompanyName == "":
			c.fail("%s.firstName or %s.companyName is required", field, field)
		case in.Line1 == "":
			c.fail("%s.addressLine1 is required", field)
		case !pgCountry.MatchString(in.Country):
			c.fail("%s.countryCode must be a country code of two letters", field)
		}
		return in
	case string:
		c.missing("contact")
		return nil
	default:
		c.fail("%s is no contact", field)
		return nil
	}
}

// missing is the problem of an id under which there is nothing.
func (c *pgCheck) missing(object string) {
	if c.problem == nil {
		c.problem = pgNotFound(object)
	}
}

// pgClasses are all mailing classes.
func pgClasses() []string {
	const names = `first_class standard_class express certified certified_return_receipt registered
		usps_first_class usps_standard_class usps_eddm usps_express_2_day usps_express_3_day
		usps_first_class_certified usps_first_class_certified_return_receipt usps_first_class_registered
		usps_express_3_day_signature_confirmation usps_express_3_day_certified
		usps_express_3_day_certified_return_receipt ca_post_lettermail ca_post_personalized
		ups_express_overnight ups_express_2_day ups_express_3_day royal_mail_first_class
		royal_mail_second_class au_post_second_class
		ca_post_neighbourhood_mail` //nolint:misspell // the vendor's word
	return strings.Fields(names)
}

func (c *pgCheck) options() {
	c.data.Size = c.choice("size", c.kind.defaultSize, c.kind.sizes...)
	c.data.Class = c.choice("mailingClass", "first_class", pgClasses()...)
	c.data.Description = c.text(c.f.top, "description")
	for name, into := range map[string]any{"metadata": &c.data.Metadata, "mergeVariables": &c.data.MergeVariables} {
		switch v := c.f.top[name].(type) {
		case nil:
		case map[string]any:
			raw, err := json.Marshal(v)
			if err == nil {
				err = json.Unmarshal(raw, into)
			}
			if err != nil {
				c.fail("%s could not be read", name)
			}
		default:
			c.fail("%s must be an object", name)
		}
	}
}

// artwork wants one of markup, templates and a PDF, for every side.
func (c *pgCheck) artwork() {
	if c.f.files["pdf"] != "" {
		c.data.Uploaded = true
		return
	}
	if url := c.text(c.f.top, "pdf"); url != "" {
		if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
			c.fail("pdf must be a URL or a file")
		}
		c.data.Uploaded = true
		return
	}
	for _, side := range c.kind.sides {
		html, template := side+"HTML", side+"Template"
		if side == "" {
			html, template = "html", "template"
		}
		markup, id := c.text(c.f.top, html), c.text(c.f.top, template)
		switch {
		case (markup == "") == (id == ""):
			c.fail("one of %s and %s is required", html, template)
		case id != "" && !pgTemplate.MatchString(id):
			c.missing("template")
		case id != "":
			c.data.Templates[template] = id
		}
	}
}

func (c *pgCheck) sendDate() {
	v := c.text(c.f.top, "sendDate")
	if v == "" {
		return
	}
	at, ok := lobTime(v)
	if !ok {
		c.fail("sendDate must be a date in ISO 8601 format")
	}
	c.data.SendDate = at
}

func (c *pgCheck) letter() {
	if c.kind.object != "letter" {
		return
	}
	c.data.Color, c.data.DoubleSided = c.flag("color"), c.flag("doubleSided")
	c.data.Placement = c.choice("addressPlacement", "top_first_page", "top_first_page", "insert_blank_page")
}
