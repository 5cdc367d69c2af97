package snapshot_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/snapshot"
)

const visits = "contact_id,name,address_line1,city,state,zip,spend,visit\n" +
	"1,Jo,1 Main St,Reno,NV,89501,100,2026-01-31\n" +
	"2,Al,2 Main St,Reno,NV,89501,99.5,2026-02-01\n" +
	"3,Bo,3 Main St,Boise,ID,83701,1e3,2026-02-02\n" +
	"4,Cy,4 Main St,Boise,id,83701,,\n" +
	"5,Di,5 Main St,Provo,UT,84601,\"1,000\",02/03/2026\n"

func segmented(t *testing.T, p snapshot.Predicate) string {
	t.Helper()
	s := take(t, visits, snapshot.Options{Segment: p})
	var out []string
	for _, r := range rows(t, s) {
		out = append(out, r.ContactID)
	}
	for _, r := range rejects(t, s) {
		for _, f := range r.Findings {
			out = append(out, fmt.Sprintf("%s:%s", r.Row.ContactID, f.Code))
		}
	}
	if c := s.Counts(); c.Read != 5 || c.Outside != 5-c.Accepted-c.Rejected {
		t.Errorf("counts %+v do not add up to 5", c)
	}
	return strings.Join(out, " ")
}

func TestSegments(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 2, 1, 23, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		p    snapshot.Predicate
		want string
	}{
		{"all", snapshot.Predicate{}, "1 2 3 4 5"},
		{"equals", snapshot.Equals("city", "Reno"), "1 2"},
		{"equals the normalized state", snapshot.Equals(snapshot.ColumnState, "ID"), "3 4"},
		{"equals is exact", snapshot.Equals("city", "reno"), ""},
		{"in", snapshot.In("state", "NV", "UT"), "1 2 5"},
		{"in nothing", snapshot.In("state"), ""},
		{"prefix, by the list's own name", snapshot.Prefix("zip", "83"), "3 4"},
		{"empty", snapshot.Empty("spend"), "4"},
		{"number", snapshot.Number("Spend", ">=", 100), "1 3 4:bad_number 5:bad_number"},
		{"number equal", snapshot.Number("spend", "=", 1000), "3 4:bad_number 5:bad_number"},
		{"number not equal", snapshot.Number("spend", "!=", 100), "2 3 4:bad_number 5:bad_number"},
		{"number below", snapshot.Number("spend", "<", 100), "2 4:bad_number 5:bad_number"},
		{"number up to", snapshot.Number("spend", "<=", 99.5), "2 4:bad_number 5:bad_number"},
		{"number above", snapshot.Number("spend", ">", 100), "3 4:bad_number 5:bad_number"},
		{"date", snapshot.Date("visit", ">=", day), "2 3 4:bad_date 5:bad_date"},
		{"date before", snapshot.Date("visit", "<", day), "1 4:bad_date 5:bad_date"},
		{"date in a layout", snapshot.Date("visit", ">", day).WithLayout("01/02/2006"), "5 1:bad_date 2:bad_date 3:bad_date 4:bad_date"},
		{"guarded", snapshot.And(snapshot.Not(snapshot.Empty("spend")), snapshot.Number("spend", ">", 0)), "1 2 3 5:bad_number"},
		{"guarded behind", snapshot.And(snapshot.Number("spend", ">", 0), snapshot.Not(snapshot.Empty("spend"))), "1 2 3 5:bad_number"},
		{"or decides", snapshot.Or(snapshot.Number("spend", ">", 500), snapshot.Equals("state", "UT")), "3 5 4:bad_number"},
		{"not", snapshot.Not(snapshot.Equals("state", "NV")), "3 4 5"},
		{"not of a bad value", snapshot.Not(snapshot.Number("spend", ">", 100)), "1 2 4:bad_number 5:bad_number"},
		{"nested", snapshot.Or(snapshot.And(snapshot.Equals("state", "NV"), snapshot.Number("spend", "<", 100)), snapshot.Equals("contact_id", "4")), "2 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := segmented(t, c.p); got != c.want {
				t.Errorf("rows %q, want %q", got, c.want)
			}
			// The manifest's form means the same, and is the same each time.
			data, err := json.Marshal(c.p)
			if err != nil {
				t.Fatal(err)
			}
			var back snapshot.Predicate
			if err := json.Unmarshal(data, &back); err != nil {
				t.Fatal(err)
			}
			if got := segmented(t, back); got != c.want {
				t.Errorf("read back: rows %q, want %q", got, c.want)
			}
			if again, err := json.Marshal(back); err != nil || string(again) != string(data) {
				t.Errorf("JSON %s becomes %s, %v", data, again, err)
			}
		})
	}
}

func TestSegmentInTheManifest(t *testing.T) {
	t.Parallel()
	p := snapshot.And(snapshot.In("state", "NV", "ID"), snapshot.Not(snapshot.Date("visit", "<", time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC))))
	store := snapshot.NewMemory()
	s := take(t, visits, snapshot.Options{Segment: p, Store: store})
	const want = `{"op":"and","of":[{"op":"in","column":"state","values":["NV","ID"]},{"op":"not","of":[{"op":"date","column":"visit","values":["\u003c","2026-01-31"]}]}]}`
	opened, err := snapshot.Open(t.Context(), store, s.ID())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(opened.Manifest().Segment); err != nil || string(got) != want {
		t.Errorf("segment %s, %v, want %s", got, err, want)
	}
}

func TestBadSegments(t *testing.T) {
	t.Parallel()
	deep := snapshot.Empty("spend")
	for range 200 {
		deep = snapshot.Not(deep)
	}
	for name, p := range map[string]snapshot.Predicate{
		"no such column":     snapshot.Equals("phone", "1"),
		"no such one within": snapshot.And(snapshot.Empty("spend"), snapshot.Not(snapshot.Empty("phone"))),
		"no column":          snapshot.Equals("", "1"),
		"comparison":         snapshot.Number("spend", "=>", 1),
		"no parts":           snapshot.And(),
		"operation":          {Op: "like", Column: "city", Values: []string{"%"}},
		"layout":             snapshot.Equals("city", "Reno").WithLayout("2006"),
		"not a number":       {Op: "number", Column: "spend", Values: []string{"<", "NaN"}},
		"not a date":         {Op: "date", Column: "visit", Values: []string{"<", "tomorrow"}},
		"values":             {Op: "empty", Column: "city", Values: []string{"x"}},
		"two prefixes":       {Op: "prefix", Column: "city", Values: []string{"x", "y"}},
		"deep":               deep,
	} {
		_, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(visits), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Segment: p, Store: snapshot.NewMemory()})
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), "segment") {
			t.Errorf("%s: got %v, want an invalid argument about the segment", name, err)
		}
	}
}

// Whatever a predicate is made of, the order of its parts changes nothing, and
// the two laws of negation hold.
func TestPredicateLaws(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	leaves := []snapshot.Predicate{
		snapshot.Equals("state", "NV"), snapshot.Empty("spend"), snapshot.Number("spend", ">", 99.7), snapshot.Prefix("city", "B"),
		snapshot.Date("visit", "<=", time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)), snapshot.In("contact_id", "1", "5"),
	}
	var random func(depth int) snapshot.Predicate
	random = func(depth int) snapshot.Predicate {
		if depth == 0 || rng.IntN(4) == 0 {
			return leaves[rng.IntN(len(leaves))]
		}
		switch a, b := random(depth-1), random(depth-1); rng.IntN(3) {
		case 0:
			return snapshot.And(a, b)
		case 1:
			return snapshot.Or(a, b)
		default:
			return snapshot.Not(a)
		}
	}
	// Which columns are named in a finding may differ; which rows, not.
	for range 25 {
		a, b := random(3), random(3)
		for _, pair := range [][2]snapshot.Predicate{
			{snapshot.And(a, b), snapshot.And(b, a)},
			{snapshot.Or(a, b), snapshot.Or(b, a)},
			{snapshot.Not(snapshot.And(a, b)), snapshot.Or(snapshot.Not(a), snapshot.Not(b))},
			{a, snapshot.Not(snapshot.Not(a))},
		} {
			one, two := which(t, pair[0]), which(t, pair[1])
			if diff := cmp.Diff(one, two); diff != "" {
				t.Fatalf("%+v and %+v differ:\n%s", pair[0], pair[1], diff)
			}
		}
	}
}

func which(t *testing.T, p snapshot.Predicate) string {
	t.Helper()
	var out strings.Builder
	for w := range strings.FieldsSeq(segmented(t, p)) {
		id, bad, _ := strings.Cut(w, ":")
		fmt.Fprintf(&out, "%s %t;", id, bad != "")
	}
	return out.String()
}
