package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strings"

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
// so that the same rows always give the same keys. A drop of which no job could be
// made, as one without a class, is the sequence's error.
func Jobs(ctx context.Context, s *snapshot.Snapshot, d Drop) iter.Seq2[postproof.Job, error] {
	return func(yield func(postproof.Job, error) bool) {
		jobs, err := newDeriver(s, d)
		if err == nil {
			err = d.validate()
		}
		if err != nil {
			yield(postproof.Job{}, err)
			return
		}
		for row, err := range s.Rows(ctx) {
			if err != nil {
				yield(postproof.Job{}, err)
				return
			}
			job, err := jobs.derive(row)
			if err != nil {
				yield(postproof.Job{}, err)
				return
			}
			if !yield(job, nil) {
				return
			}
		}
	}
}

// deriver makes jobs of a snapshot's rows.
type deriver struct {
	campaign string
	drop     Drop
	template postproof.Template
	// head and tail are what stands around the contact in every key.
	head, tail string
}

func newDeriver(s *snapshot.Snapshot, d Drop) (*deriver, error) {
	if d.Name == "" {
		return nil, invalid("jobs", errors.New("the drop has no name: it is part of every key"))
	}
	template, err := d.template()
	if err != nil {
		return nil, invalid("jobs", err)
	}
	out := &deriver{campaign: s.Campaign(), drop: d, template: template}
	// Nothing but the separators holds a slash, so that the place of an empty
	// contact is the first two in a row.
	out.head, out.tail, _ = strings.Cut(string(postproof.DeriveKey(out.campaign, "", d.Name)), "//")
	return out, nil
}

// key is [postproof.DeriveKey] of the contact, at a part of the cost where the
// contact has nothing to escape.
func (d *deriver) key(contact string) postproof.Key {
	if strings.ContainsAny(contact, "%/") {
		return postproof.DeriveKey(d.campaign, contact, d.drop.Name)
	}
	return postproof.Key(d.head + "/" + contact + "/" + d.tail)
}

func (d *deriver) derive(row snapshot.Row) (postproof.Job, error) {
	piece, err := d.drop.fill(d.template, row)
	if err != nil {
		return postproof.Job{}, invalid("jobs", err)
	}
	return postproof.Job{
		Key: d.key(row.KeyPart()), To: row.Address, From: d.drop.From,
		Piece: piece, Class: d.drop.Class, Campaign: d.campaign, Contact: row.ContactID, Priority: d.drop.Priority,
	}, nil
}

// validate returns an error when no job could be made of the drop, whomever it is for:
// as so many rejections it would be no error of [Client.Enqueue], and no mail.
func (d *Drop) validate() error {
	anybody := postproof.Address{Name: "Anybody", Line1: "1 Main St", City: "Springfield", Region: "IL", PostalCode: "62701"}
	job := postproof.Job{Key: "drop", To: anybody, From: d.From, Piece: d.Piece, Class: d.Class, Priority: d.Priority}
	if err := job.Validate(); err != nil {
		return invalid("jobs", fmt.Errorf("the drop, for every contact: %w", said(err)))
	}
	return nil
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
