package lob

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// object is a piece as Lob shows it. Only id and object must be there: a new
// form of any other field must not turn an acceptance into a doubt, so each
// is read by itself and skipped when it is not understood.
type object map[string]json.RawMessage

func parseObject(raw []byte) (object, error) {
	var o object
	if err := json.Unmarshal(raw, &o); err != nil || o == nil {
		return nil, errAnswer
	}
	return o, nil
}

func value[T any](o object, name string) T {
	var v, zero T
	if json.Unmarshal(o[name], &v) != nil {
		return zero
	}
	return v
}

// parseOrder reads a piece of the product wanted.
func parseOrder(want product, raw []byte, caps *postproof.Capabilities) (*vendors.Order, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	id := value[string](o, "id")
	if p, ok := productOf(id); !ok || p != want || value[string](o, "object") != want.object {
		return nil, errAnswer
	}
	meta := value[map[string]string](o, "metadata")
	order := &vendors.Order{
		Receipt: postproof.Receipt{
			Vendor: Name, VendorID: id,
			Ref:              refOf(meta),
			TrackingID:       token(value[string](o, "tracking_number")),
			ExpectedDelivery: parseTime(value[string](o, "expected_delivery_date")),
			ProofURL:         value[string](o, "url"),
			AcceptedAt:       parseTime(value[string](o, "date_created")),
		},
		Mode:  modeField(value[string](o, "mode")),
		Facts: factsOf(want, o, meta, caps),
		Raw:   raw,
	}
	order.Status, order.Dead = statusOf(o)
	return order, nil
}

func refOf(meta map[string]string) postproof.Ref {
	if ref := postproof.Ref(meta[metaRef]); ref.Valid() {
		return ref
	}
	return ""
}

// modeField reads a field that Lob documents for other resources only.
func modeField(s string) postproof.Mode {
	if m := postproof.Mode(s); m.Validate() == nil {
		return m
	}
	return ""
}

// factsOf reads what the piece is. Lob corrects addresses, ZIP codes included,
// so the postal code says something only where our own digest, which covers
// the whole address, is missing.
func factsOf(p product, o object, meta map[string]string, caps *postproof.Capabilities) vendors.Facts {
	f := vendors.Facts{Kind: p.kind, Content: token(meta[metaContent])}
	if size, ok := sizeOf(caps, p.kind, value[string](o, "size")); ok {
		f.Size = vendors.SizeFact(size)
	}
	switch value[string](o, "mail_type") {
	case "usps_first_class":
		f.Class = postproof.FirstClass
	case "usps_standard":
		f.Class = postproof.Marketing
	}
	if extra := value[string](o, "extra_service"); extra != "" {
		f.Class = postproof.MailClass(extra)
	}
	to := value[object](o, "to")
	if f.Content == "" && !value[bool](to, "recipient_moved") {
		f.PostalCode = vendors.PostalFact(value[string](to, "address_zip"))
	}
	return f
}

func parseTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// parseDeletion reads the answer to a cancellation.
func parseDeletion(id string, raw []byte) error {
	o, err := parseObject(raw)
	if err != nil {
		return err
	}
	if value[string](o, "id") != id || !value[bool](o, "deleted") {
		return errAnswer
	}
	return nil
}

// page is one page of a list.
type page struct {
	orders []*vendors.Order
	// next is the cursor of the page that follows, empty on the last.
	next string
}

var errCursor = errors.New("the list goes on without a cursor")

// parsePage reads a list. What is not a proper list is an error, never an
// empty page: an empty page is half of a proof that nothing was printed.
func parsePage(want product, raw []byte, caps *postproof.Capabilities) (*page, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	data := value[[]json.RawMessage](o, "data")
	if value[string](o, "object") != "list" || data == nil {
		return nil, errAnswer
	}
	if _, stated := o["count"]; stated {
		if n := value[*int](o, "count"); n == nil || *n != len(data) {
			return nil, errAnswer
		}
	}
	p := &page{}
	for _, item := range data {
		order, err := parseOrder(want, item, caps)
		if err != nil {
			return nil, err
		}
		p.orders = append(p.orders, order)
	}
	// null, absent and "" mean the last page; anything else must be understood.
	next := o["next_url"]
	if s := strings.TrimSpace(string(next)); s == "" || s == "null" || s == `""` {
		return p, nil
	}
	if p.next = cursor(value[string](o, "next_url")); p.next == "" {
		return nil, errCursor
	}
	return p, nil
}
