package postgrid

import (
	"encoding/json"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// object is an answer whose fields are read one by one: a new form of a field
// that does not matter must not turn an acceptance into a doubt. A struct would
// not do: encoding/json takes "ID" for "id".
type object map[string]json.RawMessage

func parseObject(raw []byte) (object, error) {
	var o object
	if err := json.Unmarshal(raw, &o); err != nil || o == nil {
		return nil, errAnswer
	}
	return o, nil
}

// value returns zero for what is not of the type.
func value[T any](o object, name string) T {
	var v, zero T
	if json.Unmarshal(o[name], &v) != nil {
		return zero
	}
	return v
}

func (o object) text(name string) string { return value[string](o, name) }

func (o object) object(name string) object { return value[object](o, name) }

// time returns a time in UTC; zero when there is none.
func (o object) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, o.text(name))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// parseOrder reads an order of any product.
func parseOrder(raw []byte, caps *postproof.Capabilities) (*vendors.Order, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	id := o.text("id")
	p, ok := productOf(id)
	if !ok || o.text("object") != p.object {
		return nil, errAnswer
	}
	meta := o.object("metadata")
	order := &vendors.Order{
		Receipt: postproof.Receipt{
			Vendor: Name, VendorID: id, Ref: refOf(o, meta),
			TrackingID: token(o.text("trackingNumber")),
			ProofURL:   o.text("url"),
			AcceptedAt: o.time("createdAt"),
		},
		Mode:  modeField(o),
		Facts: factsOf(p, o, meta, caps),
		Raw:   raw,
	}
	order.Status, order.Dead = statusOf(o)
	return order, nil
}

// parseProduct is parseOrder for an order of one product.
func parseProduct(want product, raw []byte, caps *postproof.Capabilities) (*vendors.Order, error) {
	order, err := parseOrder(raw, caps)
	if err != nil {
		return nil, err
	}
	if p, _ := productOf(order.Receipt.VendorID); p != want {
		return nil, errAnswer
	}
	return order, nil
}

// refOf reads our reference from the metadata; from the description where the
// order shows none of our metadata.
func refOf(o, meta object) postproof.Ref {
	ref := postproof.Ref(o.text("description"))
	if _, ours := meta[metaRef]; ours {
		ref = postproof.Ref(meta.text(metaRef))
	}
	if !ref.Valid() {
		return ""
	}
	return ref
}

// modeField reads the flag that every resource has; empty when it is none.
func modeField(o object) postproof.Mode {
	switch live := value[*bool](o, "live"); {
	case live == nil:
		return ""
	case *live:
		return postproof.ModeLive
	default:
		return postproof.ModeTest
	}
}

// factsOf reads what the piece is. Live addresses are verified and may be
// corrected, so the postal code says something only where our own digest,
// which covers the whole address, is missing.
func factsOf(p product, o, meta object, caps *postproof.Capabilities) vendors.Facts {
	f := vendors.Facts{
		Kind: p.kind, Size: sizeOf(caps, p.kind, o.text("size")),
		Class: classOf(o.text("mailingClass")), Content: token(meta.text(metaContent)),
	}
	if f.Content == "" {
		f.PostalCode = vendors.PostalFact(o.object("to").text("postalOrZip"))
	}
	return f
}

// page is one page of a list.
type page struct {
	items []json.RawMessage
	total int
}

// parsePage reads a list. What is not a proper list is an error, never an
// empty page: an empty page is half of a proof that nothing was printed.
func parsePage(raw []byte) (*page, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	p := &page{items: value[[]json.RawMessage](o, "data")}
	total := value[*int](o, "totalCount")
	if o.text("object") != "list" || p.items == nil || total == nil || *total < len(p.items) {
		return nil, errAnswer
	}
	p.total = *total
	return p, nil
}

func parseOrders(want product, raw []byte, caps *postproof.Capabilities) ([]*vendors.Order, int, error) {
	p, err := parsePage(raw)
	if err != nil {
		return nil, 0, err
	}
	all := make([]*vendors.Order, 0, len(p.items))
	for _, item := range p.items {
		order, err := parseProduct(want, item, caps)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, order)
	}
	return all, p.total, nil
}
