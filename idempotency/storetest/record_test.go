package storetest

import (
	"reflect"
	"testing"
)

// A store that loses a field is found out only by a record that has it.
func TestFullRecordIsFull(t *testing.T) {
	t.Parallel()
	r := fullRecord()
	missing := func(of string, has func(field int) bool, in reflect.Type) {
		for i := range in.NumField() {
			if name := in.Field(i).Name; name != "Bare" && name != "Tombstone" && !has(i) {
				t.Errorf("no %s of the full record has %s: a store may lose it unnoticed", of, name)
			}
		}
	}
	whole, one, two := reflect.ValueOf(*r), reflect.ValueOf(r.Submissions[0]), reflect.ValueOf(r.Submissions[1])
	prior := reflect.ValueOf(*r.Prior)
	missing("record", func(i int) bool { return !whole.Field(i).IsZero() }, whole.Type())
	missing("submission", func(i int) bool { return !one.Field(i).IsZero() || !two.Field(i).IsZero() }, one.Type())
	missing("prior state", func(i int) bool { return !prior.Field(i).IsZero() }, prior.Type())
}
