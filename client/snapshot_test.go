package client_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

const fieldsList = "contact_id,name,address_line1,city,state,zip,Discount Code\n" +
	"1,Jo Doe,1 Main St,Reno,NV,89501,AAA\n2,Al Roe,2 Main St,Reno,NV,89501,BBB\n"

// A template is filled from each contact's own row; the key stays the same.
func TestJobsFillTemplates(t *testing.T) {
	t.Parallel()
	snap, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(fieldsList), snapshot.Mapping{}),
		snapshot.Options{Campaign: "spring", Columns: []string{"Discount Code"}, Store: snapshot.NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	art := postproof.Template{IDs: map[string]postproof.TemplateIDs{"lob": {Front: "tmpl_1"}}, Variables: map[string]string{"season": "spring", "name": "x"}}
	drop := client.Drop{
		Name: "card", Class: postproof.FirstClass, Piece: postproof.Postcard{Size: postproof.Size6x9(), Artwork: art},
		Variables: map[string]string{"name": snapshot.ColumnName, "code": "discount code"},
	}
	var got []map[string]string
	var keys []postproof.Key
	for job, err := range client.Jobs(t.Context(), snap, drop) {
		if err != nil {
			t.Fatal(err)
		}
		filled, ok := job.Piece.Art().(postproof.Template)
		if !ok || filled.IDs["lob"].Front != "tmpl_1" {
			t.Fatalf("artwork is %v, want the template", job.Piece.Art())
		}
		got, keys = append(got, filled.Variables), append(keys, job.Key)
	}
	want := []map[string]string{
		{"season": "spring", "name": "Jo Doe", "code": "AAA"},
		{"season": "spring", "name": "Al Roe", "code": "BBB"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	if want := []postproof.Key{"spring/1/card", "spring/2/card"}; !cmp.Equal(want, keys) {
		t.Errorf("keys changed with the variables: %d of them", len(keys))
	}
	if len(art.Variables) != 2 {
		t.Error("the drop's own template was changed")
	}

	for name, change := range map[string]func(*client.Drop){
		"a column that was not frozen": func(d *client.Drop) { d.Variables = map[string]string{"x": "phone"} },
		"artwork that is no template": func(d *client.Drop) {
			d.Piece = postproof.Postcard{Size: postproof.Size6x9(), Artwork: postproof.HTML{Front: "a", Back: "b"}}
		},
		"no piece": func(d *client.Drop) { d.Piece = nil },
	} {
		bad := drop
		change(&bad)
		jobs := 0
		for _, err := range client.Jobs(t.Context(), snap, bad) {
			if postproof.CodeOf(err) != postproof.CodeInvalidArgument {
				t.Errorf("%s: got %v, want an invalid argument", name, err)
			}
			jobs++
		}
		if jobs != 1 {
			t.Errorf("%s: %d results, want one error", name, jobs)
		}
	}
}

// A drop of which no job can be made is an error, and not as many rejections as there are
// contacts, which are none.
func TestDropThatFitsNobody(t *testing.T) {
	t.Parallel()
	snap, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(fieldsList), snapshot.Mapping{}),
		snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
	for says, forget := range map[string]func(*client.Drop){
		"class":     func(d *client.Drop) { d.Class = "" },
		"piece":     func(d *client.Drop) { d.Piece = nil },
		"Size4x6()": func(d *client.Drop) { d.Piece = postproof.Postcard{Artwork: postproof.HTML{Front: "a", Back: "b"}} },
		"from.postal_code": func(d *client.Drop) {
			d.From = postproof.Address{Name: "Ann", Line1: "1 Main St", City: "Reno", Region: "NV"}
		},
		"the drop has no n": func(d *client.Drop) { d.Name = "" },
	} {
		drop := client.Drop{Name: "card", Class: postproof.FirstClass, Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "a", Back: "b"}}}
		forget(&drop)
		out, err := c.Enqueue(t.Context(), client.Jobs(t.Context(), snap, drop))
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument || postproof.DeliveryOf(err) != postproof.NotSent || !strings.Contains(err.Error(), says) || out.Rejected != 0 {
			t.Errorf("%s: %+v, %v", says, out, err)
		}
	}
}
