package vendors_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors"
)

func TestJoinedBodiesAreSentPartByPart(t *testing.T) {
	t.Parallel()
	upload := vendors.NewForm("0123456789ABCDEF", "digest").Text("name", "letter").Build("c2m/1", nil)
	list := vendors.DocumentBody("list/1", "application/xml", []byte("<to/>"))
	joined := vendors.JoinBodies("acme/1", upload, list)
	if joined.Len() != upload.Len()+list.Len() {
		t.Errorf("Len = %d, want %d", joined.Len(), upload.Len()+list.Len())
	}
	if _, err := joined.Open(t.Context()); err == nil {
		t.Error("the whole can be opened: it would be sent as one request")
	}
	parts := joined.Parts()
	if diff := cmp.Diff([]string{upload.Digest(), list.Digest()}, []string{parts[0].Digest(), parts[1].Digest()}); diff != "" {
		t.Errorf("parts (-want +got)\n%s", diff)
	}
	if got, err := read(t, parts[1]); err != nil || got != "<to/>" {
		t.Errorf("a part reads %q, %v", got, err)
	}
	parts[0] = nil
	if joined.Parts()[0] == nil {
		t.Error("a caller can change the parts")
	}
	if alone := list.Parts(); len(alone) != 1 || alone[0] != list {
		t.Error("a body of one request is not its own only part")
	}
	// Whatever decides about the paper is in the digest.
	digests := map[string]string{}
	for name, b := range map[string]*vendors.Body{
		"joined": joined, "another encoder": vendors.JoinBodies("acme/2", upload, list), "another order": vendors.JoinBodies("acme/1", list, upload),
		"one part less": vendors.JoinBodies("acme/1", upload), "none": vendors.JoinBodies("acme/1"), "a part alone": upload,
		"another type": vendors.JoinBodies("acme/1", upload, vendors.DocumentBody("list/1", "text/xml", []byte("<to/>"))),
		"other bytes":  vendors.JoinBodies("acme/1", upload, vendors.DocumentBody("list/1", "application/xml", []byte("<to></to>"))),
	} {
		if other := digests[b.Digest()]; other != "" {
			t.Errorf("%s and %s have one digest", name, other)
		}
		digests[b.Digest()] = name
	}
	if vendors.JoinBodies("acme/1", upload, list).Digest() != joined.Digest() {
		t.Error("the same parts give another digest")
	}
}

func TestDocumentBodyIsOneDocument(t *testing.T) {
	t.Parallel()
	xml := vendors.DocumentBody("list/1", "application/xml", []byte("<to/>"))
	var builder vendors.BodyBuilder
	built := builder.Bytes([]byte("<to/>")).Build("list/1", "application/xml", nil)
	if xml.Digest() != built.Digest() || xml.ContentType != "application/xml" || xml.Encoder != "list/1" || xml.Len() != 5 {
		t.Errorf("another body than the builder's: %+v", xml)
	}
}
