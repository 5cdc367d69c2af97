package pcm

import (
	"encoding/json"
	"strconv"
	"time"

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

// idOf returns a positive number as a string; empty when there is none.
func idOf(o vendors.Object, name string) string {
	if n := vendors.Field[int64](o, name); n > 0 {
		return strconv.FormatInt(n, 10)
	}
	return ""
}

// parsePlaced reads the answer to a submission: ids only.
func parsePlaced(raw []byte) (*vendors.Order, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	id := idOf(o, "orderID")
	if id == "" {
		return nil, errAnswer
	}
	return &vendors.Order{
		Receipt: postproof.Receipt{Vendor: Name, VendorID: id, Ref: o.Ref("extRefNbr")},
		Status:  postproof.Status{Stage: postproof.StageAccepted, Source: postproof.SourceResponse, Confidence: postproof.Reported},
		Raw:     raw,
	}, nil
}

// seen is an order as it is read, before its batch and recipient are.
type seen struct {
	*vendors.Order
	status string
	batch  string
}

func parseOrder(raw []byte) (*seen, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	id, status := idOf(o, "orderID"), o.Text("status")
	if id == "" || status == "" {
		return nil, errAnswer
	}
	placed := parseTime(o.Text("orderDate"))
	s := &seen{
		Order: &vendors.Order{
			Receipt: postproof.Receipt{
				Vendor: Name, VendorID: id, Ref: o.Ref("extRefNbr"), AcceptedAt: placed,
				ProofURL: o.Text("proof"),
			},
			Facts: vendors.Facts{Kind: kindOf(o.Text("productType")), Class: classOf(o.Text("mailClass"))},
			Raw:   raw,
		},
		status: status,
		batch:  idOf(o, "batchID"),
	}
	s.Status, s.Dead = statusOf(status, "")
	s.Status.VendorTime = placed
	return s, nil
}

// kindOther is what is no piece of ours.
const kindOther postproof.PieceKind = "pcm_other"

func kindOf(productType string) postproof.PieceKind {
	switch productType {
	case "postcard":
		return postproof.KindPostcard
	case "letter":
		return postproof.KindLetter
	case "":
		return ""
	default:
		return kindOther
	}
}

func classOf(mailClass string) postproof.MailClass {
	switch mailClass {
	case "FirstClass":
		return postproof.FirstClass
	case "Standard":
		return postproof.Marketing
	default:
		return ""
	}
}

type batch struct {
	status  string
	changed time.Time
}

func parseBatch(id string, raw []byte) (*batch, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	b := &batch{status: o.Text("status"), changed: parseTime(o.Text("lastModifiedDate"))}
	if idOf(o, "batchID") != id || b.status == "" {
		return nil, errAnswer
	}
	return b, nil
}

// page is one page of a list.
type page struct {
	results    []json.RawMessage
	page       int
	totalPages int
	total      int
}

// parsePage reads a list. What is not a proper list is an error, never an
// empty page: an empty page is half of a proof that nothing was printed.
func parsePage(raw []byte) (*page, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	results := vendors.Field[[]json.RawMessage](o, "results")
	about := o.Object("pagination")
	for _, name := range []string{"page", "totalPages", "totalResults"} {
		if n := vendors.Field[*int](about, name); n == nil || *n < 0 {
			return nil, errAnswer
		}
	}
	p := &page{
		results: results, page: vendors.Field[int](about, "page"),
		totalPages: vendors.Field[int](about, "totalPages"), total: vendors.Field[int](about, "totalResults"),
	}
	if results == nil || p.total < len(results) || (p.total > 0 && p.totalPages == 0) {
		return nil, errAnswer
	}
	return p, nil
}

func parseOrders(raw []byte) (*page, []*seen, error) {
	p, err := parsePage(raw)
	if err != nil {
		return nil, nil, err
	}
	all := make([]*seen, 0, len(p.results))
	for _, item := range p.results {
		s, err := parseOrder(item)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, s)
	}
	return p, all, nil
}

func parseTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
