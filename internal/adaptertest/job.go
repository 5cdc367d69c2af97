package adaptertest

import (
	"context"
	"io"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// What a submission of [Submission] is known by.
const (
	Ref       = postproof.Ref("0123456789ABCDEF")
	VendorKey = "00112233445566778899aabbccddeeff"
)

// Job returns a postcard with everything that a job can have. It is in golden
// files: tests change what they get, not this.
func Job() postproof.Job {
	return postproof.Job{
		Key: "job-1", Class: postproof.FirstClass,
		To: postproof.Address{
			Name: "Harry Zhang", Company: "Example", Line1: "210 King St", Line2: "# 6100",
			City: "San Francisco", Region: "CA", PostalCode: "94107",
		},
		From: postproof.Address{Name: "Leore Avidar", Line1: "185 Berry St", City: "San Francisco", Region: "CA", PostalCode: "94107-1728"},
		Piece: postproof.Postcard{
			Size:    postproof.Size4x6(),
			Artwork: postproof.HTML{Front: `<html lang="en"><b>Hi & welcome</b></html>`, Back: "<html>Back</html>"},
		},
		Metadata: map[string]string{"zebra": "2", "ant": "1"},
	}
}

// Submission returns a submission of the job. Its artwork is what [File] names
// by the letters given.
func Submission(j postproof.Job, artwork map[byte]string) *vendors.Submission {
	return &vendors.Submission{
		Job: j, Ref: Ref, VendorKey: VendorKey,
		Open: func(_ context.Context, b postproof.Blob) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(artwork[b.Digest[0]])), nil
		},
	}
}

// File names artwork by a letter. Its size is said, not counted: a test may lie.
func File(letter string, size int64) postproof.File {
	return postproof.File{Blob: postproof.Blob{Digest: strings.Repeat(letter, 64), Size: size}}
}
