package client

import (
	"context"
	"errors"
	"iter"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/snapshot"
)

// Drop is what the jobs of one snapshot have in common.
type Drop struct {
	// Name is the piece's name in the campaign, part of each key: two drops of
	// one campaign to the same contacts need two names. Required.
	Name string
	// Piece and Class are what is printed and how it is mailed. Required.
	Piece postproof.Piece
	Class postproof.MailClass
	// From is the return address; optional.
	From postproof.Address
	// Priority orders the jobs among others.
	Priority int
}

// Jobs derives one job for each accepted row of a snapshot, for
// [Client.Enqueue]. Keys come from campaign, contact and the drop's name alone,
// so that the same rows always give the same keys.
func Jobs(ctx context.Context, s *snapshot.Snapshot, d Drop) iter.Seq2[postproof.Job, error] {
	return func(yield func(postproof.Job, error) bool) {
		if d.Name == "" {
			yield(postproof.Job{}, invalid("jobs", errors.New("the drop has no name: it is part of every key")))
			return
		}
		for row, err := range s.Rows(ctx) {
			if err != nil {
				yield(postproof.Job{}, err)
				return
			}
			job := postproof.Job{
				Key: postproof.DeriveKey(s.Campaign(), row.KeyPart(), d.Name), To: row.Address, From: d.From,
				Piece: d.Piece, Class: d.Class, Campaign: s.Campaign(), Contact: row.ContactID, Priority: d.Priority,
			}
			if !yield(job, nil) {
				return
			}
		}
	}
}
