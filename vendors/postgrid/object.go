package postgrid

import (
	"encoding/json"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// parseObject returns errAnswer for what is none.
func parseObject(raw []byte) (vendors.Object, error) {
	o, err := vendors.ParseObject(raw)
	if err != nil {
		return nil, errAnswer
	}
	return o, nil
}

// parseOrder reads an order of any product.
func parseOrder(raw []byte, caps *postproof.Capabilities) (*vendors.Order, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	return readOrder(o, o.Text("object"), raw, caps)
}

// readOrder is parseOrder of an order whose members are known, and of which something
// else may have said what it is.
func readOrder(o vendors.Object, name string, raw []byte, caps *postproof.Capabilities) (*vendors.Order, error) {
	id := o.Text("id")
	p, ok := productOf(id)
	if !ok || name != p.object {
		return nil, errAnswer
	}
	meta := o.Object("metadata")
	order := &vendors.Order{
		Receipt: postproof.Receipt{
			Vendor: Name, VendorID: id, Ref: refOf(o, meta),
			TrackingID: vendors.Word(o.Text("trackingNumber")),
			ProofURL:   o.Text("url"),
			AcceptedAt: o.Time("createdAt"),
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
func refOf(o, meta vendors.Object) postproof.Ref {
	if _, ours := meta[metaRef]; ours {
		return meta.Ref(metaRef)
	}
	return o.Ref("description")
}

// modeField reads the flag that every resource has; empty when it is none.
func modeField(o vendors.Object) postproof.Mode {
	switch live := vendors.Field[*bool](o, "live"); {
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
func factsOf(p product, o, meta vendors.Object, caps *postproof.Capabilities) vendors.Facts {
	f := vendors.Facts{
		Kind: p.kind, Size: sizeOf(caps, p.kind, o.Text("size")),
		Class: classOf(o.Text("mailingClass")), Content: vendors.Word(meta.Text(metaContent)),
	}
	if f.Content == "" {
		f.PostalCode = vendors.PostalFact(o.Object("to").Text("postalOrZip"))
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
	p := &page{items: vendors.Field[[]json.RawMessage](o, "data")}
	total := vendors.Field[*int](o, "totalCount")
	if o.Text("object") != "list" || p.items == nil || total == nil || *total < len(p.items) {
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
