package postgres

import "context"

// block is a row of record numbers that are ours.
type block struct{ next, end int64 }

// blockSize is how many record numbers are taken at once: more than one
// transaction can need.
const blockSize = 4096

// reserve makes sure that there are numbers for so many new records.
func (b *batch) reserve(ctx context.Context, n int64) error {
	if b.free.end-b.free.next >= n {
		return nil
	}
	var first int64 // of so many blocks that no other has
	if _, err := b.c.queryRow(ctx, []any{&first}, b.s.text.block); err != nil {
		return err
	}
	b.free = block{first * blockSize, (first + 1) * blockSize}
	return nil
}
