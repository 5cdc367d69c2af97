package vendortest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func checkEncodeDeterministic(b *bench) {
	first, second := b.setup(), b.setup()
	for i := range first.jobs {
		s := first.of(first.jobs[i])
		if _, err := first.Adapter.Encode(b.ctx, s); postproof.CodeOf(err) == postproof.CodeUnsupported {
			continue // the check of Submit looks at these
		}
		again := *s
		again.Job, again.Open = second.jobs[i], second.store.open
		body, restarted := first.encode(s), second.encode(&again)
		raw := contentOf(b, body)
		switch {
		case body.Digest() != restarted.Digest():
			b.problemf("%s: another adapter with the same settings gives another digest", s.Job.Piece.Kind())
		case !bytes.Equal(raw, contentOf(b, restarted)):
			b.problemf("%s: equal digests, other bytes", s.Job.Piece.Kind())
		case !bytes.Equal(raw, contentOf(b, body)):
			b.problemf("%s: the second Open of a body gives other bytes", s.Job.Piece.Kind())
		case int64(len(raw)) != body.Len():
			b.problemf("%s: Len is %d, the body has %d bytes", s.Job.Piece.Kind(), body.Len(), len(raw))
		case body.Encoder == "" || slices.ContainsFunc(body.Parts(), func(p *vendors.Body) bool { return p.Encoder == "" || p.ContentType == "" }):
			b.problemf("%s: the body, or a part of it, names no encoder or no content type", s.Job.Piece.Kind())
		}
		if today := time.Now(); bytes.Contains(raw, []byte(today.Format(time.DateOnly))) || bytes.Contains(raw, []byte(today.UTC().Format(time.DateOnly))) {
			b.problemf("%s: today's date is in the body, and none in the job: tomorrow it has other bytes", s.Job.Piece.Kind())
		}
		for range 5 { // a map that is ranged over shows itself in a few tries
			if first.encode(s).Digest() != body.Digest() {
				b.problemf("%s: encoding again gives other bytes", s.Job.Piece.Kind())
				break
			}
		}
		other := *s
		other.Job.To.Line1 = "1 Elsewhere Ave"
		if first.encode(&other).Digest() == body.Digest() {
			b.problemf("%s: another recipient gives the same digest", s.Job.Piece.Kind())
		}
	}
	if n := len(first.doer.Sent) + len(second.doer.Sent); n != 0 {
		b.problemf("Encode sent %d requests", n)
	}
}

// contentOf returns the bytes of a body, those of its parts one after the other.
func contentOf(b *bench, body *vendors.Body) (all []byte) {
	for _, part := range body.Parts() {
		rc, err := part.Open(b.ctx)
		if err != nil {
			b.fatalf("open a body: %v", err)
		}
		raw, err := io.ReadAll(rc)
		if err := errors.Join(err, rc.Close()); err != nil {
			b.fatalf("read a body: %v", err)
		}
		all = append(all, raw...)
	}
	return all
}

func checkEncodeRefuses(b *bench) {
	r := b.setup()
	nowhere, tiny, classless := r.next(), r.next(), r.next()
	nowhere.Job.To.Country = "ZZ"
	size := postproof.Size{Name: "stamp", Short: postproof.Millimeters(20), Long: postproof.Millimeters(25)}
	tiny.Job.Piece = postproof.Postcard{Size: size, Artwork: tiny.Job.Piece.Art()}
	classless.Job.Class = "pigeon"
	for name, s := range map[string]*vendors.Submission{"an unknown country": nowhere, "an unknown size": tiny, "an unknown class": classless} {
		_, err := r.Adapter.Encode(b.ctx, s)
		if b.see(err) == nil {
			b.problemf("Encode takes a job with %s", name)
		} else if d := postproof.DeliveryOf(err); d != postproof.NotSent {
			b.problemf("Encode of a job with %s: %v, want not_sent", name, d)
		}
	}
	if len(r.doer.Sent) != 0 {
		b.problemf("Encode sent a request")
	}
}
