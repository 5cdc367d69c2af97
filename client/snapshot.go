package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"

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
	// Variables fills a template for each contact: from the names of its
	// variables to the columns of the snapshot's rows, its own
	// ([snapshot.ColumnName]) or further ones that were frozen with them
	// ([snapshot.Options.Columns]). It needs a Piece with a [postproof.Template],
	// whose own variables stay where the names differ.
	Variables map[string]string
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
		template, err := d.template()
		if err != nil {
			yield(postproof.Job{}, invalid("jobs", err))
			return
		}
		for row, err := range s.Rows(ctx) {
			if err != nil {
				yield(postproof.Job{}, err)
				return
			}
			piece, err := d.fill(template, row)
			if err != nil {
				yield(postproof.Job{}, invalid("jobs", err))
				return
			}
			job := postproof.Job{
				Key: postproof.DeriveKey(s.Campaign(), row.KeyPart(), d.Name), To: row.Address, From: d.From,
				Piece: piece, Class: d.Class, Campaign: s.Campaign(), Contact: row.ContactID, Priority: d.Priority,
			}
			if !yield(job, nil) {
				return
			}
		}
	}
}

// template returns the template that the variables fill.
func (d *Drop) template() (postproof.Template, error) {
	if len(d.Variables) == 0 {
		return postproof.Template{}, nil
	}
	if d.Piece == nil {
		return postproof.Template{}, errors.New("the drop has no piece")
	}
	t, ok := d.Piece.Art().(postproof.Template)
	if !ok {
		return t, errors.New("the drop has variables for each contact, and artwork that is no template")
	}
	return t, nil
}

// fill returns the contact's own piece.
func (d *Drop) fill(t postproof.Template, row snapshot.Row) (postproof.Piece, error) {
	if len(d.Variables) == 0 {
		return d.Piece, nil
	}
	variables := make(map[string]string, len(t.Variables)+len(d.Variables))
	maps.Copy(variables, t.Variables)
	for name, column := range d.Variables {
		value, ok := row.Field(column)
		if !ok {
			return nil, fmt.Errorf("the snapshot has no column %q: name it in the options when the list is taken", column)
		}
		variables[name] = value
	}
	t.Variables = variables
	return d.Piece.WithArt(t), nil
}
