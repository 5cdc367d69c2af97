package snapshot

import (
	"runtime"
	"testing"

	"github.com/postproof/postproof"
)

// A key is asked for with each job that may be suppressed: the table of
// abbreviations, of 64 kilobytes, is made once and not for each.
//
//nolint:paralleltest // it counts what is allocated
func TestKeysShareOneTable(t *testing.T) {
	a := postproof.Address{Line1: "12 North Main Street", City: "Springfield", Region: "IL", PostalCode: "62701"}
	b := a
	b.Line1 = "12 N Main St."
	if KeyOf(a) != KeyOf(b) {
		t.Errorf("%s and %s differ", a.Line1, b.Line1)
	}
	const keys = 200
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range keys {
		KeyOf(a)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / keys; each > 1024 {
		t.Errorf("a key takes %d bytes, want a few", each)
	}
}
