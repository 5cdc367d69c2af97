package lob

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// parseOrder reads a piece of the product wanted.
func parseOrder(want product, raw []byte, caps *postproof.Capabilities) (*vendors.Order, error) {
	var room [mostMembers]member
	o, err := parseObject(raw, room[:0])
	if err != nil {
		return nil, err
	}
	return readOrder(want, o, raw, caps)
}

// readOrder is parseOrder of a piece whose members are known.
func readOrder(want product, o object, raw []byte, caps *postproof.Capabilities) (*vendors.Order, error) {
	var metaRoom [mostPairs]member
	id := o.text("id")
	if p, ok := productOf(id); !ok || p != want || !o.is("object", want.object) {
		return nil, errAnswer
	}
	meta := o.texts("metadata", metaRoom[:0])
	created := o.time("date_created")
	order := &vendors.Order{
		Receipt: postproof.Receipt{
			Vendor: Name, VendorID: id,
			Ref:              refOf(meta),
			TrackingID:       vendors.Word(o.text("tracking_number")),
			ExpectedDelivery: o.time("expected_delivery_date"),
			ProofURL:         o.text("url"),
			AcceptedAt:       created,
		},
		Mode:  modeField(o.text("mode")),
		Facts: factsOf(want, o, meta, caps),
		Raw:   raw,
	}
	order.Status, order.Dead = statusOf(o, created)
	return order, nil
}

func refOf(meta object) postproof.Ref {
	if ref := postproof.Ref(meta.text(metaRef)); ref.Valid() {
		return ref
	}
	return ""
}

// modeField reads a field that Lob documents for other resources only.
func modeField(s string) postproof.Mode {
	switch m := postproof.Mode(s); m {
	case postproof.ModeTest, postproof.ModeLive:
		return m
	default:
		return ""
	}
}

// factsOf reads what the piece is. Lob corrects addresses, ZIP codes included,
// so the postal code says something only where our own digest, which covers
// the whole address, is missing.
func factsOf(p product, o, meta object, caps *postproof.Capabilities) vendors.Facts {
	f := vendors.Facts{Kind: p.kind, Content: vendors.Word(meta.text(metaContent))}
	f.Size = sizeOf(caps, p.kind, o)
	switch {
	case o.is("mail_type", "usps_first_class"):
		f.Class = postproof.FirstClass
	case o.is("mail_type", "usps_standard"):
		f.Class = postproof.Marketing
	}
	if extra := o.text("extra_service"); extra != "" {
		f.Class = postproof.MailClass(extra)
	}
	if f.Content != "" {
		return f
	}
	var room [mostMembers]member
	if to := o.object("to", room[:0]); !to.flag("recipient_moved") {
		f.PostalCode = vendors.PostalFact(to.text("address_zip"))
	}
	return f
}

// parseTime reads a time or a date; anything else is none.
func parseTime(s []byte) time.Time {
	var room [len("2006-01-02T00:00:00Z")]byte
	if len(s) == len(time.DateOnly) {
		s = append(append(room[:0], s...), "T00:00:00Z"...)
	}
	var t time.Time
	if len(s) == 0 || t.UnmarshalText(s) != nil {
		return time.Time{}
	}
	return t.UTC()
}

// parseDeletion reads the answer to a cancellation.
func parseDeletion(id string, raw []byte) error {
	o, err := parseObject(raw, nil)
	if err != nil {
		return err
	}
	if !o.is("id", id) || !o.flag("deleted") {
		return errAnswer
	}
	return nil
}

// page is one page of a list.
type page struct {
	raw    []byte
	orders []*vendors.Order
	// next is the cursor of the page that follows, empty on the last.
	next string
}

var errCursor = errors.New("the list goes on without a cursor")

// parsePage reads a list. What is not a proper list is an error, never an
// empty page: an empty page is half of a proof that nothing was printed.
func parsePage(want product, raw []byte, caps *postproof.Capabilities) (*page, error) {
	o, err := parseObject(raw, nil)
	if err != nil {
		return nil, err
	}
	if data := o.raw("data"); !o.is("object", "list") || len(data) == 0 || data[0] != '[' {
		return nil, errAnswer
	}
	p := &page{raw: raw}
	for item := range o.elements("data") {
		order, err := parseOrder(want, item, caps)
		if err != nil {
			return nil, err
		}
		p.orders = append(p.orders, order)
	}
	if count := o.raw("count"); count != nil {
		if n, err := strconv.Atoi(string(count)); err != nil || n != len(p.orders) {
			return nil, errAnswer
		}
	}
	// null, absent and "" mean the last page; anything else must be understood.
	next := o.raw("next_url")
	if s := strings.TrimSpace(string(next)); s == "" || s == "null" || s == `""` {
		return p, nil
	}
	if p.next = cursor(o.text("next_url")); p.next == "" {
		return nil, errCursor
	}
	return p, nil
}
