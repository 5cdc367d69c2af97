package vendorsim

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof"
)

// lobQuery is a list request: what must match and which page is wanted.
type lobQuery struct {
	limit         int
	before, after string // ids
	total         bool
	ascending     bool
	metadata      map[string]string
	created, sent map[string]time.Time
	sizes         []string
	mailType      string
	status        string
	// scheduled, when it is not nil, asks for what has, or has not, a send date.
	scheduled *bool
	// nothing is asked for what no piece here has: a campaign's.
	nothing bool
}

// lobValues returns the parameters in one form. The documentation has lists and objects
// in JSON, as its own library for TypeScript sends them, and its curl examples have
// brackets; so has the library before it.
func lobValues(values url.Values) url.Values {
	out := url.Values{}
	for name, all := range values {
		for _, v := range all {
			var list []string
			var object map[string]string
			switch {
			case strings.HasPrefix(v, "[") && json.Unmarshal([]byte(v), &list) == nil:
				out[name] = append(out[name], list...)
			case strings.HasPrefix(v, "{") && json.Unmarshal([]byte(v), &object) == nil:
				for inner, value := range object {
					out.Add(name+"["+inner+"]", value)
				}
			default:
				out.Add(name, v)
			}
		}
	}
	return out
}

// lobParseQuery reads the parameters; what it does not know it ignores.
func lobParseQuery(values url.Values) (*lobQuery, *problem) {
	q := &lobQuery{limit: 10, metadata: map[string]string{}, created: map[string]time.Time{}, sent: map[string]time.Time{}}
	for name, all := range lobValues(values) {
		if len(all) == 0 {
			continue
		}
		v := all[0]
		field, inner, _ := strings.Cut(name, "[")
		inner = strings.TrimSuffix(inner, "]")
		switch field {
		case "limit":
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > 100 {
				return nil, lobInvalid("limit must be a number between 1 and 100")
			}
			q.limit = n
		case "before", "after":
			id, err := base64.RawURLEncoding.DecodeString(v)
			if err != nil {
				return nil, lobInvalid(field + " is not a cursor")
			}
			if field == "before" {
				q.before = string(id)
			} else {
				q.after = string(id)
			}
		case "include":
			q.total = q.total || slices.Contains(all, "total_count")
		case "metadata":
			q.metadata[inner] = v
		case "date_created", "send_date":
			at, ok := lobTime(v)
			if !ok || !slices.Contains([]string{"gt", "gte", "lt", "lte"}, inner) {
				return nil, lobInvalid(field + " must have gt, gte, lt or lte with a date")
			}
			into := q.created
			if field == "send_date" {
				into = q.sent
			}
			into[inner] = at
		case "scheduled":
			yes, err := strconv.ParseBool(v)
			if err != nil {
				return nil, lobInvalid("scheduled must be a boolean")
			}
			q.scheduled = &yes
		case "campaign_id":
			q.nothing = true
		case "size":
			q.sizes = append(q.sizes, all...)
		case "mail_type":
			q.mailType = v
		case "status":
			q.status = v
		case "sort_by":
			q.ascending = inner == "date_created" && v == "asc"
		}
	}
	if q.before != "" && q.after != "" {
		return nil, lobInvalid("only one of before and after may be given")
	}
	return q, nil
}

// match reports whether the order belongs in the list.
func (q *lobQuery) match(l *lob, o *order, now time.Time) bool {
	if q.nothing || !lobWithin(o.Created, q.created) {
		return false
	}
	if q.status != "" && lobStatus(o, now) != q.status {
		return false
	}
	if len(q.metadata) == 0 && len(q.sizes) == 0 && q.mailType == "" && len(q.sent) == 0 && q.scheduled == nil {
		return true
	}
	d := l.data(o)
	// Of a piece without a send date it is the end of its cancellation window.
	if !lobWithin(d.SendDate, q.sent) || q.scheduled != nil && *q.scheduled != d.Scheduled {
		return false
	}
	for k, v := range q.metadata {
		if got, ok := d.Metadata[k]; !ok || got != v {
			return false
		}
	}
	return (len(q.sizes) == 0 || slices.Contains(q.sizes, d.Size)) && (q.mailType == "" || d.MailType == q.mailType)
}

// lobWithin reports whether the time is inside the bounds.
func lobWithin(t time.Time, bounds map[string]time.Time) bool {
	for op, at := range bounds {
		c := t.Compare(at)
		if op == "gt" && c <= 0 || op == "gte" && c < 0 || op == "lt" && c >= 0 || op == "lte" && c > 0 {
			return false
		}
	}
	return true
}

// ref returns what faults of the list are drawn under.
func (q *lobQuery) ref() string {
	ref := ""
	for _, v := range q.metadata {
		ref = max(ref, v)
	}
	if ref == "" {
		return "list"
	}
	return ref
}

// list answers GET /v1/<resource>.
func (l *lob) list(w http.ResponseWriter, r *http.Request, mode postproof.Mode, kind lobKind) {
	in := l.in
	q, problem := lobParseQuery(r.URL.Query())
	if problem != nil {
		problem.write(w)
		return
	}
	dec := in.decide(opList, q.ref())
	if !in.before(w, r, dec) {
		return
	}
	if dec.is(ListUnfiltered) {
		*q = lobQuery{limit: q.limit, before: q.before, after: q.after, total: q.total, ascending: q.ascending}
	}
	index := ""
	for k, v := range q.metadata {
		index = lobMetadataIndex(kind.path, k, v)
	}
	p := lobPage{q: q}
	now := in.sim.now()
	views, now, err := in.query(index, func(o *order) bool {
		return o.Kind == kind.path && (o.Mode == mode || dec.is(ListOtherMode)) && !dec.is(ListEmpty) && q.match(l, o, now)
	}, p.cut)
	if err != nil {
		l.fail(w, http.StatusInternalServerError)
		return
	}
	data := make([]any, 0, len(views))
	for _, o := range views {
		data = append(data, l.object(o, kind, now))
	}
	body := map[string]any{"object": "list", "data": data, "count": len(data), "next_url": nil, "previous_url": nil}
	if q.total {
		body["total_count"] = p.total
	}
	if len(views) > 0 {
		if p.more {
			body["next_url"] = lobPageURL(r, "after", views[len(views)-1].ID)
		}
		if p.fewer {
			body["previous_url"] = lobPageURL(r, "before", views[0].ID)
		}
	}
	in.answer(w, r, dec, http.StatusOK, body)
}

// lobPage cuts one page out of the matches.
type lobPage struct {
	q           *lobQuery
	total       int
	more, fewer bool // entries after, and before, the page
}

func (p *lobPage) cut(found []*order) []*order {
	p.total = len(found)
	if !p.q.ascending {
		slices.Reverse(found) // newest first
	}
	from, to := 0, len(found)
	position := func(id string) int { return slices.IndexFunc(found, func(o *order) bool { return o.ID == id }) }
	if i := position(p.q.after); p.q.after != "" {
		from = i + 1
		to = min(from+p.q.limit, to)
	} else if i := position(p.q.before); p.q.before != "" && i >= 0 {
		to = i
		from = max(0, to-p.q.limit)
	} else {
		to = min(p.q.limit, to)
	}
	p.more, p.fewer = to < len(found), from > 0
	return found[from:to]
}

func lobPageURL(r *http.Request, cursor, id string) string {
	values := r.URL.Query()
	values.Del("before")
	values.Del("after")
	values.Set(cursor, base64.RawURLEncoding.EncodeToString([]byte(id)))
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return baseURL(r) + path + "?" + values.Encode()
}
