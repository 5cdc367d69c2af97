package vendorsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var lobTemplate = regexp.MustCompile(`^tmpl_[a-zA-Z0-9]+$`)

// lobData is what Lob keeps of a piece beside what every order has.
type lobData struct {
	Description    *string           `json:"description"`
	Metadata       map[string]string `json:"metadata"`
	To             *lobAddress       `json:"to"`
	From           *lobAddress       `json:"from,omitempty"`
	Size           string            `json:"size"`
	MailType       string            `json:"mail_type"`
	UseType        string            `json:"use_type"`
	SendDate       time.Time         `json:"send_date,omitzero"`
	Scheduled      bool              `json:"scheduled,omitempty"` // the sender gave that date
	MergeVariables json.RawMessage   `json:"merge_variables,omitempty"`
	Templates      map[string]string `json:"templates,omitempty"`
	FSC            bool              `json:"fsc,omitempty"`
	// Letters only.
	Color          bool   `json:"color,omitempty"`
	DoubleSided    bool   `json:"double_sided,omitempty"`
	Placement      string `json:"address_placement,omitempty"`
	ExtraService   string `json:"extra_service,omitempty"`
	ReturnEnvelope bool   `json:"return_envelope,omitempty"`
	PerforatedPage int    `json:"perforated_page,omitempty"`
}

// lobCheck is a validation that stops at the first problem, as the API reports
// one at a time.
type lobCheck struct {
	f       *lobFields
	kind    lobKind
	version string // of the API, empty for the account's
	now     time.Time
	data    *lobData
	problem *problem
}

// lobValidate turns the fields into data, or says what is wrong with them.
func lobValidate(f *lobFields, kind lobKind, version string, now time.Time) (*lobData, *problem) {
	c := &lobCheck{f: f, kind: kind, version: version, now: now, data: &lobData{Templates: map[string]string{}}}
	for _, step := range []func(){
		c.description, c.metadata, c.addresses, c.options, c.useType, c.artwork, c.mergeVariables, c.sendDate, c.letter, c.extras, c.international,
	} {
		if step(); c.problem != nil {
			return nil, c.problem
		}
	}
	return c.data, nil
}

func (c *lobCheck) fail(format string, args ...any) { c.failCode("invalid", format, args...) }

func (c *lobCheck) failCode(code, format string, args ...any) {
	if c.problem == nil {
		c.problem = lobProblem(http.StatusUnprocessableEntity, code, fmt.Sprintf(format, args...))
	}
}

// text reads a field and keeps the first problem.
func (c *lobCheck) text(name string) string {
	v, p := c.f.text(name)
	if p != nil && c.problem == nil {
		c.problem = p
	}
	return v
}

func (c *lobCheck) flag(name string, absent bool) bool {
	v, p := c.f.flag(name, absent)
	if p != nil && c.problem == nil {
		c.problem = p
	}
	return v
}

func (c *lobCheck) object(name string) map[string]any {
	v, p := c.f.object(name)
	if p != nil && c.problem == nil {
		c.problem = p
	}
	return v
}

func (c *lobCheck) choice(name string, allowed ...string) string {
	v := c.text(name)
	if v == "" {
		return allowed[0]
	}
	if !slices.Contains(allowed, v) {
		c.fail("%s must be one of [%s]", name, strings.Join(allowed, ", "))
	}
	return v
}

func (c *lobCheck) description() {
	if _, ok := c.f.top["description"].(string); !ok && c.f.top["description"] == nil {
		return
	}
	d := c.text("description")
	if utf8.RuneCountInString(d) > 255 {
		c.fail("description length must be less than or equal to 255 characters long")
	}
	c.data.Description = &d
}

func (c *lobCheck) metadata() {
	in := c.object("metadata")
	c.data.Metadata = make(map[string]string, len(in))
	if len(in) > 20 {
		c.fail("metadata may have at most 20 keys")
	}
	for k, v := range in {
		s, ok := v.(string)
		switch {
		case !ok:
			c.fail("metadata values must be strings")
		case utf8.RuneCountInString(k) > 40:
			c.fail("metadata keys must be at most 40 characters long")
		case utf8.RuneCountInString(s) > 500:
			c.fail("metadata values must be at most 500 characters long")
		case strings.ContainsAny(k+s, `"\`):
			c.fail(`metadata may not contain the characters " and \`)
		}
		c.data.Metadata[k] = s
	}
}

func (c *lobCheck) options() {
	if c.kind.object == "letter" && c.f.top["size"] != nil && c.version != "" && c.version < "2024-01-01" {
		c.fail("size is not allowed") // by its documentation: "will result in an error"
	}
	c.data.Size = c.choice("size", c.kind.sizes...)
	c.data.MailType = c.choice("mail_type", "usps_first_class", "usps_standard")
	c.data.FSC = c.flag("fsc", false)
	if c.data.MailType == "usps_standard" && c.data.Size == "4x6" {
		c.fail("mail_type usps_standard is not available for size 4x6")
	}
	c.choice("print_speed", "core")
}

func (c *lobCheck) useType() {
	if c.data.UseType = c.text("use_type"); c.data.UseType == "" {
		c.failCode("mail_use_type_can_not_be_null", "use_type is required")
		return
	}
	c.choice("use_type", "marketing", "operational")
}

func (c *lobCheck) artwork() {
	for _, field := range c.kind.art {
		if c.f.files[field] != "" {
			// The schema has no images for letters.
			if name := strings.ToLower(c.f.names[field]); c.kind.object == "letter" && !strings.HasSuffix(name, ".pdf") &&
				!strings.HasSuffix(name, ".html") && !strings.HasSuffix(name, ".htm") {
				c.failCode("invalid_file", "%s must be a PDF or HTML", field)
			}
			continue
		}
		v := c.text(field)
		switch {
		case v == "":
			c.fail("%s is required", field)
		case lobTemplate.MatchString(v):
			c.data.Templates[field] = v
		case strings.HasPrefix(v, "https://"):
			if len(v) > 2083 {
				c.failCode("invalid_file_url", "%s is not a usable URL", field)
			}
		case !strings.Contains(v, "<"):
			c.failCode("invalid_file", "%s must be HTML, a template id, an https URL or a file", field)
		case utf8.RuneCountInString(v) >= 10000:
			c.fail("%s must be shorter than 10000 characters", field)
		}
	}
}

func (c *lobCheck) mergeVariables() {
	in := c.object("merge_variables")
	if in == nil {
		return
	}
	raw, err := json.Marshal(in)
	if err != nil || utf8.RuneCount(raw) > 25000 {
		c.fail("merge_variables must be at most 25000 characters long")
	}
	for name := range in {
		if strings.ContainsFunc(name, unicode.IsSpace) {
			c.failCode("merge_variable_whitespace", "merge variable names cannot contain whitespace")
		}
		if strings.ContainsAny(name, "!\"#%&'()*+,/;<=>@[\\]^`{|}~") {
			c.failCode("special_characters_restricted", "merge variable names cannot contain special characters")
		}
	}
	c.data.MergeVariables = raw
}

func (c *lobCheck) sendDate() {
	v := c.text("send_date")
	if v == "" {
		return
	}
	at, ok := lobTime(v)
	switch {
	case !ok:
		c.fail("send_date must be a date or a timestamp in ISO 8601 format")
	case !at.After(c.now):
		c.fail("send_date must be in the future")
	case at.After(c.now.AddDate(0, 0, 180)):
		c.fail("send_date must be within 180 days")
	}
	c.data.SendDate, c.data.Scheduled = at, true
}

// lobTime reads a date or a timestamp; what has no zone is UTC.
func lobTime(v string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, v); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func (c *lobCheck) letter() {
	if c.kind.object != "letter" {
		return
	}
	if c.f.top["color"] == nil {
		c.fail("color is required")
	}
	c.data.Color = c.flag("color", false)
	c.data.DoubleSided = c.flag("double_sided", true)
	c.data.ReturnEnvelope = c.flag("return_envelope", false)
	c.data.Placement = c.choice("address_placement",
		"top_first_page", "insert_blank_page", "bottom_first_page_center", "bottom_first_page")
	c.data.ExtraService = c.choice("extra_service", "", "certified", "certified_return_receipt", "registered")
	switch v := c.f.top["perforated_page"].(type) {
	case nil:
	case float64:
		c.data.PerforatedPage = int(v)
	case string:
		n, err := strconv.Atoi(v)
		if err != nil {
			c.fail("perforated_page must be a number")
		}
		c.data.PerforatedPage = n
	default:
		c.fail("perforated_page must be a number")
	}
	if c.data.ReturnEnvelope != (c.data.PerforatedPage > 0) {
		c.failCode("invalid_perforation_return_envelope", "return_envelope and perforated_page must be used together")
	}
}

// extras are what goes with some sizes and classes only.
func (c *lobCheck) extras() {
	d := c.data
	if d.FSC && slices.Contains([]string{"4x6", "us_legal", "11x9_bifold"}, d.Size) {
		c.fail("fsc is not available for size %s", d.Size)
	}
	switch {
	case d.ExtraService == "":
	case d.MailType == "usps_standard":
		c.fail("extra_service is not available with mail_type usps_standard")
	case d.Size == "us_legal":
		c.fail("extra_service is not available for size us_legal")
	case d.To.Country != lobUnitedStates && d.ExtraService != "registered":
		// That registered mail is "for international addresses" is said as well, but the
		// documentation's own example of a request sends it to San Francisco.
		c.failCode("invalid_international_feature", "extra_service %s cannot be sent to the destination", d.ExtraService)
	}
}

func (c *lobCheck) international() {
	d := c.data
	if d.From == nil && (c.kind.object == "letter" || d.To.Country != lobUnitedStates) {
		c.fail("from is required")
	}
	if d.From != nil && d.From.Country != lobUnitedStates {
		c.failCode("foreign_return_address", "the from address must be a US address")
	}
	if d.To.Country == lobUnitedStates {
		return
	}
	if d.MailType == "usps_standard" || c.kind.object == "postcard" && d.Size != "4x6" || c.kind.object == "self_mailer" {
		c.failCode("invalid_international_feature", "the specified product cannot be sent to the destination")
	}
}
