package vendorsim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
)

// pcmAddress is an address as PCM takes it and gives it back.
type pcmAddress struct {
	Company   string `json:"company,omitempty"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	Address   string `json:"address"`
	Address2  string `json:"address2"`
	City      string `json:"city"`
	State     string `json:"state"`
	ZipCode   string `json:"zipCode"`
}

// pcmRecipient is an addressee with what is printed for them.
type pcmRecipient struct {
	pcmAddress
	ExtRefNbr *string       `json:"extRefNbr"`
	Variables []pcmVariable `json:"variables"`
}

type pcmVariable struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// pcmRequest is the body of any order; the fields of the other products stay
// empty.
type pcmRequest struct {
	MailClass     string          `json:"mailClass"`
	Recipients    []pcmRecipient  `json:"recipients"`
	DesignID      *int            `json:"designID"`
	ExtRefNbr     string          `json:"extRefNbr"`
	MailDate      string          `json:"mailDate"`
	ReturnAddress *pcmAddress     `json:"returnAddress"`
	Addons        json.RawMessage `json:"addons"`

	Size  string `json:"size"`
	Front string `json:"front"`
	Back  string `json:"back"`

	Letter               string       `json:"letter"`
	LetterStock          string       `json:"letterStock"`
	Color                *bool        `json:"color"`
	PrintOnBothSides     *bool        `json:"printOnBothSides"`
	InsertAddressingPage *bool        `json:"insertAddressingPage"`
	Envelope             *pcmEnvelope `json:"envelope"`

	Brochure        string `json:"brochure"`
	BrochureOptions *struct {
		FoldType string `json:"foldType"`
	} `json:"brochureOptions"`
}

type pcmEnvelope struct {
	Type       string `json:"type"`
	EnvelopeID *int   `json:"envelopeID"`
}

// pcmData is what PCM keeps of an order beside what every order has.
type pcmData struct {
	Product       string         `json:"product"`
	MailClass     string         `json:"mail_class"`
	DesignID      int            `json:"design_id"`
	Batch         int            `json:"batch"`
	Cutoff        time.Time      `json:"cutoff"`
	Recipients    []pcmRecipient `json:"recipients"`
	ReturnAddress *pcmAddress    `json:"return_address"`
	Options       map[string]any `json:"options"`
}

func (q *pcmRequest) validate(product string, now time.Time) *problem {
	bad := func(property, format string, args ...any) *problem {
		return pcmProblemAt(http.StatusBadRequest, fmt.Sprintf(format, args...), property)
	}
	if q.MailClass != "FirstClass" && q.MailClass != "Standard" {
		return bad("mailClass", "mailClass must be one of FirstClass, Standard")
	}
	if n := len(q.Recipients); n < 1 || n > 50000 {
		return bad("recipients", "recipients must have 1 to 50000 entries")
	}
	if q.MailDate != "" {
		at, err := time.ParseInLocation(time.DateOnly, q.MailDate, pcmZone())
		if err != nil {
			return bad("mailDate", "mailDate must be YYYY-MM-DD")
		}
		if !now.Before(pcmCutoff(at)) {
			return bad("mailDate", "mailDate has passed")
		}
	}
	if q.ReturnAddress != nil && !q.ReturnAddress.complete() {
		return bad("returnAddress", "returnAddress must have address, city, state and zipCode")
	}
	if problem := q.validateProduct(product, bad); problem != nil {
		return problem
	}
	for i, r := range q.Recipients {
		property := fmt.Sprintf("recipients.%d", i)
		switch {
		case !r.complete():
			return bad(property, "a recipient must have address, city, state and zipCode")
		case r.Company == "" && r.FirstName == "" && r.LastName == "":
			return bad(property, "a recipient must have a name or a company")
		case slices.ContainsFunc(r.Variables, func(v pcmVariable) bool { return v.Key == "" }):
			return bad(property+".variables", "a variable must have a key")
		case unverifiable(r.Address, r.ZipCode):
			return pcmProblemAt(http.StatusUnprocessableEntity, "The recipient's address could not be verified", property)
		}
	}
	return nil
}

// unverifiable is the address that no vendor here delivers to: tests write it
// when they need a refusal.
func unverifiable(line1, zip string) bool {
	return strings.Contains(strings.ToUpper(line1), "UNDELIVERABLE") || strings.HasPrefix(zip, "00000")
}

// pcmArt reports whether artwork is of a form that is documented: markup, or a URL.
// A design stands in for what is empty.
func pcmArt(art string) bool {
	return art == "" || strings.Contains(art, "<") || strings.HasPrefix(art, "https://") || strings.HasPrefix(art, "http://")
}

// pcmImage reports whether artwork is the URL of an image.
func pcmImage(art string) bool {
	u, err := url.Parse(art)
	return err == nil && u.Host != "" && slices.Contains([]string{".jpg", ".jpeg", ".png"}, strings.ToLower(path.Ext(u.Path)))
}

func (a *pcmAddress) complete() bool {
	return a.Address != "" && a.City != "" && a.State != "" && a.ZipCode != ""
}

func (q *pcmRequest) validateProduct(product string, bad func(string, string, ...any) *problem) *problem {
	switch product {
	case "postcard":
		if q.DesignID == nil && (q.Size == "" || q.Front == "" || q.Back == "") {
			return bad("designID", "either designID, or size, front and back are required")
		}
		sizes := []string{"46", "46S", "58", "611", "68", "69", "811", "811SNP", "BRO", "GRC"}
		if q.Size != "" && !slices.Contains(sizes, q.Size) {
			return bad("size", "size must be one of %s", strings.Join(sizes, ", "))
		}
		if !pcmArt(q.Front) || !pcmArt(q.Back) {
			return bad("front", "front and back must be HTML or a URL")
		}
		if (q.Size == "46" || q.Size == "46S") && q.MailClass != "FirstClass" {
			return bad("mailClass", "size %s only supports FirstClass", q.Size)
		}
	case "letter":
		switch {
		case q.DesignID == nil && q.Letter == "":
			return bad("designID", "either designID or letter is required")
		case !pcmArt(q.Letter) || pcmImage(q.Letter):
			return bad("letter", "letter must be HTML, or a URL to HTML or a PDF")
		case !slices.Contains([]string{"Regular", "Cougar80", "Husky70"}, q.LetterStock):
			return bad("letterStock", "letterStock must be one of Regular, Cougar80, Husky70")
		case q.Color == nil || q.PrintOnBothSides == nil || q.InsertAddressingPage == nil:
			return bad("color", "color, printOnBothSides and insertAddressingPage are required")
		case q.Envelope == nil || !slices.Contains([]string{"fullWindow", "doubleWindow", "Regular", "Custom", "BiFold"}, q.Envelope.Type):
			return bad("envelope", "envelope.type must be one of fullWindow, doubleWindow, Regular, Custom, BiFold")
		case q.Envelope.Type == "Custom" && q.Envelope.EnvelopeID == nil:
			return bad("envelope", "envelope.envelopeID is required for the type Custom")
		}
	case "brochure":
		if q.DesignID == nil && q.Brochure == "" {
			return bad("designID", "either designID or brochure is required")
		}
		if q.BrochureOptions == nil || q.BrochureOptions.FoldType != "Tri" && q.BrochureOptions.FoldType != "Bi" {
			return bad("brochureOptions", "brochureOptions.foldType must be one of Tri, Bi")
		}
	}
	return nil
}

// data returns what is kept of an order that was just accepted.
func (q *pcmRequest) data(o *order, product string) *pcmData {
	d := &pcmData{
		Product: product, MailClass: q.MailClass, DesignID: 900000 + o.Num,
		Recipients: q.Recipients, ReturnAddress: q.ReturnAddress,
	}
	if q.DesignID != nil {
		d.DesignID = *q.DesignID
	}
	day := o.Created.In(pcmZone())
	if q.MailDate != "" {
		if at, err := time.ParseInLocation(time.DateOnly, q.MailDate, pcmZone()); err == nil {
			day = at
		}
	}
	if d.Cutoff = pcmCutoff(day); !o.Created.Before(d.Cutoff) {
		d.Cutoff = pcmCutoff(day.AddDate(0, 0, 1))
	}
	d.Batch = pcmBatchNumber(o.Mode, d.Cutoff)
	if product == "letter" {
		d.Options = map[string]any{
			"color": *q.Color, "printOnBothSides": *q.PrintOnBothSides, "insertAddressingPage": *q.InsertAddressingPage,
		}
	}
	for i := range d.Recipients {
		d.Recipients[i].Address2 = cmp.Or(d.Recipients[i].Address2, " ") // PCM's default
	}
	return d
}

// pcmZone is the zone of the daily cut-off, which the documentation calls EST
// in summer, too.
func pcmZone() *time.Location { return time.FixedZone("EST", -5*60*60) }

// pcmCutoff returns 11:30 PM of the day.
func pcmCutoff(day time.Time) time.Time {
	day = day.In(pcmZone())
	return time.Date(day.Year(), day.Month(), day.Day(), 23, 30, 0, 0, pcmZone()).UTC()
}

// pcmBatchNumber numbers the batches by day, those of the sandbox apart.
func pcmBatchNumber(mode postproof.Mode, cutoff time.Time) int {
	n := int(cutoff.Unix()/86400) * 2
	if mode == postproof.ModeLive {
		n++
	}
	return n
}

// data returns an order's own part. It never changes, and batches ask for that
// of every order, so it is decoded once.
func (p *pcm) data(o *order) *pcmData {
	if d, ok := p.decoded.Load(o.ID); ok {
		return d.(*pcmData) //nolint:errcheck // nothing else is stored
	}
	var d pcmData
	if err := json.Unmarshal(o.Data, &d); err != nil {
		panic("vendorsim: order data: " + err.Error()) // this package wrote it
	}
	p.decoded.Store(o.ID, &d)
	return &d
}
