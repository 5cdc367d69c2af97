package snapshot

import (
	"context"
	"iter"
)

// Source is a list of recipients, read once from beginning to end. Users
// implement it for lists that are not CSV files.
type Source interface {
	// Rows yields the rows in a stable order. A row with a [RowError] is
	// rejected and reading goes on; any other error ends it. No error may
	// quote a value of the list. The memory held must not grow with the list.
	Rows(ctx context.Context) iter.Seq2[Row, error]
	// Mapping returns where the fields came from, for the manifest. It is
	// asked once Rows has ended; the zero value says nothing.
	Mapping() Mapping
}

// SourceFunc is a [Source] without a mapping.
type SourceFunc func(ctx context.Context) iter.Seq2[Row, error]

// Rows implements [Source].
func (f SourceFunc) Rows(ctx context.Context) iter.Seq2[Row, error] { return f(ctx) }

// Mapping implements [Source].
func (SourceFunc) Mapping() Mapping { return Mapping{} }
