package main

import (
	"strconv"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// piece is a job as it was asked for, and what is known of it from outside the
// library. The oracle's lock guards what changes.
type piece struct {
	job    postproof.Job
	id     idempotency.ID
	digest string // of the recipient: no other job has it
	shelf  *shelf
	// optional: nobody knows whether it was asked for (a control piece whose
	// call failed).
	optional bool
	// control: it is a piece of one's own; its key is made when it is sent. Restores
	// is how often the ledger was restored before.
	control  bool
	restores int64
	// first is the piece that this one is a second one of, on purpose; nil for
	// none. Row: it is a row of the list that is replayed.
	first *piece
	row   bool

	erasing bool // somebody asked for its erasure
	// released is how often somebody let it go on whose account seemed to be
	// another one.
	released int

	wished  bool      // somebody wished to cancel it
	heard   time.Time // when the ledger took the wish; zero when that is not known
	alive   map[string]vendorsim.PrintLine
	printed int // ever, with those that were voided
	twice   bool
}

const artFront, artBack = "<b>front</b>", "<b>back</b>"

// artworkTexts are the contents of every ledger's blob store.
func artworkTexts() []string { return []string{artFront, artBack} }

// campaigns are those of the jobs: the list's first.
func campaigns() []string { return []string{"spring", "autumn"} }

// newPiece returns the i-th job of a kind. Its address is its own.
func newPiece(s *shelf, kind string, i int) *piece {
	all := campaigns()
	return newPieceOf(s, postproof.Job{
		Key: postproof.Key(kind + "-" + strconv.Itoa(i)), Class: postproof.FirstClass, Campaign: all[i%len(all)], Contact: kind + strconv.Itoa(i), Priority: i % 3 * 5,
		To: postproof.Address{
			Name: "Current Resident", Line1: strconv.Itoa(i+1) + " " + kind + " Street", City: "Springfield", Region: "IL", PostalCode: "62701",
		},
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: artFront, Back: artBack}},
	})
}

// newPieceOf returns what is known of a job that was not handed in yet.
func newPieceOf(s *shelf, job postproof.Job) *piece {
	to := &job.To
	return &piece{
		job: job, id: idempotency.IDOf(job.Key), digest: vendorsim.RecipientDigest(to.Line1, to.Line2, to.City, to.Region, to.PostalCode),
		shelf: s, alive: map[string]vendorsim.PrintLine{},
	}
}
