package vendortest

import (
	"bytes"
	"fmt"
	"maps"
	"mime"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// checkEncodeWhole changes one thing of a job at a time. What the adapter neither
// sends nor refuses would be missing on the paper, and nobody would be told.
func checkEncodeWhole(b *bench) {
	r := b.setup()
	seen := map[string]bool{}
	for _, j := range r.jobs {
		s := r.of(j)
		sort := fmt.Sprint(j.Piece.Kind(), j.Piece.Art().ContentKind(), len(postproof.Blobs(j.Piece.Art())))
		if seen[sort] {
			continue
		}
		body, err := r.Adapter.Encode(b.ctx, s)
		if b.see(err) != nil {
			continue // the check of Submit looks at these
		}
		seen[sort] = true
		b.checkAlike(r, s)
		for name, change := range changes(r, j) {
			other := *s
			change(&other.Job)
			changed, err := r.Adapter.Encode(b.ctx, &other)
			switch {
			case postproof.CodeOf(err) == postproof.CodeUnsupported:
				b.note(err)
			case err != nil && name == templateIDs && postproof.DeliveryOf(err) == postproof.NotSent:
				b.note(err) // they are not of this vendor's form
			case err != nil:
				b.note(err)
				b.problemf("%s with other %s: %v, want it encoded or unsupported", j.Piece.Kind(), name, err)
			case bytes.Equal(bare(b, r, s, body), bare(b, r, &other, changed)):
				b.problemf("%s: with other %s the bytes are the same: send it, or refuse the job with CodeUnsupported", j.Piece.Kind(), name)
			}
		}
	}
}

// checkAlike encodes pairs of jobs that become one where the adapter makes a text fit.
// It may refuse them.
func (b *bench) checkAlike(r *rig, s *vendors.Submission) {
	type pair struct{ one, two func(to *postproof.Address) }
	long := strings.Repeat("Longwinded ", 12)
	pairs := map[string]pair{
		"letters beyond ASCII in the name": {
			func(to *postproof.Address) { to.Name = "Zoë Ruiz" }, func(to *postproof.Address) { to.Name = "Zo Ruiz" },
		},
		"another letter beyond ASCII in the name": {
			func(to *postproof.Address) { to.Name = "Zoë Ruiz" }, func(to *postproof.Address) { to.Name = "Zoð Ruiz" },
		},
	}
	for name, of := range map[string]func(to *postproof.Address) *string{
		"name": func(to *postproof.Address) *string { return &to.Name }, "company": func(to *postproof.Address) *string { return &to.Company },
		"first line": func(to *postproof.Address) *string { return &to.Line1 }, "second line": func(to *postproof.Address) *string { return &to.Line2 },
		"city": func(to *postproof.Address) *string { return &to.City },
	} {
		pairs["the end of a long "+name] = pair{
			func(to *postproof.Address) { *of(to) = long + "A" }, func(to *postproof.Address) { *of(to) = long + "B" },
		}
	}
	for _, country := range r.caps().Countries {
		if country != s.Job.To.CountryCode() {
			pairs["the country"] = pair{func(*postproof.Address) {}, func(to *postproof.Address) { to.Country = country }}
		}
	}
	typed := *s
	typed.Job.To.Country = strings.ToLower(s.Job.To.CountryCode())
	if body, err := r.Adapter.Encode(b.ctx, &typed); b.see(err) == nil {
		if plain, err := r.Adapter.Encode(b.ctx, s); err == nil && !bytes.Equal(contentOf(b, body), contentOf(b, plain)) {
			b.problemf("%s: the country %q is sent in other bytes than %q: Address.CountryCode says which it is", s.Job.Piece.Kind(), typed.Job.To.Country, s.Job.To.Country)
		}
	}
	for name, p := range pairs {
		one, two := *s, *s
		p.one(&one.Job.To)
		p.two(&two.Job.To)
		first, err := r.Adapter.Encode(b.ctx, &one)
		second, err2 := r.Adapter.Encode(b.ctx, &two)
		if b.see(err) == nil && b.see(err2) == nil && bytes.Equal(bare(b, r, &one, first), bare(b, r, &two, second)) {
			b.problemf("%s: %s is not in the bytes: send it, or refuse the job with CodeUnsupported", s.Job.Piece.Kind(), name)
		}
	}
}

// bare is what a body says by itself: a digest of the content that goes with it, or
// a delimiter that is made of one, changes with everything, and prints nothing.
func bare(b *bench, r *rig, s *vendors.Submission, body *vendors.Body) []byte {
	raw := contentOf(b, body)
	marks := []string{body.Content, vendors.ContentDigest(r.caps().Vendor, &s.Job)}
	for _, part := range body.Parts() {
		if _, params, err := mime.ParseMediaType(part.ContentType); err == nil {
			marks = append(marks, params["boundary"])
		}
	}
	for _, mark := range marks {
		if mark != "" {
			raw = bytes.ReplaceAll(raw, []byte(mark), nil)
		}
	}
	return raw
}

// changes are those that a piece would show, each by its name.
func changes(r *rig, j postproof.Job) map[string]func(*postproof.Job) {
	all := map[string]func(*postproof.Job){
		"send date": func(j *postproof.Job) { j.SendDate = signedAt().Add(20 * 24 * time.Hour) },
	}
	for party, of := range map[string]func(*postproof.Job) *postproof.Address{
		"recipient":      func(j *postproof.Job) *postproof.Address { return &j.To },
		"return address": func(j *postproof.Job) *postproof.Address { return &j.From },
	} {
		for field, set := range map[string]func(*postproof.Address){
			"name": func(a *postproof.Address) { a.Name = "Robin Otherwise" },
			"first name": func(a *postproof.Address) {
				_, last, _ := strings.Cut(a.Name, " ")
				a.Name = "Robin " + last
			},
			"last name": func(a *postproof.Address) {
				first, _, _ := strings.Cut(a.Name, " ")
				a.Name = first + " Otherwise"
			},
			"company":     func(a *postproof.Address) { a.Company = "Otherwise LLC" },
			"first line":  func(a *postproof.Address) { a.Line1 = "4 Anywhere Ave" },
			"second line": func(a *postproof.Address) { a.Line2 = "Apt 77" },
			"city":        func(a *postproof.Address) { a.City = "Oakland" },
			"postal code": func(a *postproof.Address) { a.PostalCode = codes(a.CountryCode())[1] },
			"region": func(a *postproof.Address) {
				if a.Region = "NV"; a.CountryCode() != "US" {
					a.Region = "Otherwise"
				}
			},
		} {
			all[party+"'s "+field] = func(j *postproof.Job) { set(of(j)) }
		}
	}
	for _, class := range r.caps().Pieces {
		for _, c := range class.Classes {
			if class.Kind == j.Piece.Kind() && c != j.Class {
				all["class"] = func(j *postproof.Job) { j.Class = c }
			}
		}
	}
	for name, art := range otherArt(r, j.Piece.Art()) {
		if name == templateIDs && j.Piece.Kind() == postproof.KindLetter {
			continue // it has one side
		}
		all[name] = func(j *postproof.Job) { j.Piece = j.Piece.WithArt(art) }
	}
	if letter, ok := j.Piece.(postproof.Letter); ok {
		for name, flip := range map[string]func(*postproof.Letter){
			"color":        func(l *postproof.Letter) { l.Color = !l.Color },
			"sides":        func(l *postproof.Letter) { l.DoubleSided = !l.DoubleSided },
			"address page": func(l *postproof.Letter) { l.AddressPage = !l.AddressPage },
		} {
			other := letter
			flip(&other)
			all[name] = func(j *postproof.Job) { j.Piece = other }
		}
	}
	return all
}

const templateIDs = "ids of a template"

// otherArt is the artwork with one thing changed.
func otherArt(r *rig, art postproof.Artwork) map[string]postproof.Artwork {
	all := map[string]postproof.Artwork{}
	file := func(f postproof.File) (postproof.File, bool) {
		switch {
		case f.URL != "":
			return postproof.File{URL: f.URL + "?other"}, true
		case !f.Blob.IsZero():
			return postproof.File{Blob: r.store.put(string(r.store[f.Blob.Digest]) + " other")}, true
		}
		return f, false
	}
	switch a := art.(type) {
	case postproof.HTML:
		for name, side := range map[string]func(*postproof.HTML) *string{
			"front": func(h *postproof.HTML) *string { return &h.Front },
			"back":  func(h *postproof.HTML) *string { return &h.Back },
		} {
			if other := a; *side(&other) != "" {
				*side(&other) += "<i>more</i>"
				all[name] = other
			}
		}
	case postproof.PDF:
		if f, ok := file(a.Front); ok {
			all["front"] = postproof.PDF{Front: f, Back: a.Back}
		}
		if f, ok := file(a.Back); ok {
			all["back"] = postproof.PDF{Front: a.Front, Back: f}
		}
	case postproof.Images:
		if f, ok := file(a.Front); ok {
			all["front"] = postproof.Images{Front: f, Back: a.Back}
		}
		if f, ok := file(a.Back); ok {
			all["back"] = postproof.Images{Front: a.Front, Back: f}
		}
	case postproof.Template:
		ids := a.IDs[r.caps().Vendor]
		if ids.Back == "" {
			ids.Back = ids.Front
		} else {
			ids.Front, ids.Back = ids.Back, ids.Front
		}
		if ids != a.IDs[r.caps().Vendor] {
			all[templateIDs] = postproof.Template{IDs: map[string]postproof.TemplateIDs{r.caps().Vendor: ids}, Variables: a.Variables}
		}
		other := a
		other.Variables = maps.Clone(a.Variables)
		other.Variables["y"] = "another value"
		all["variable of a template"] = other
	}
	return all
}
