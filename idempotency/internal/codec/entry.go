package codec

import (
	"encoding/json"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// EncodeEntry writes an entry without what has a column of its own: the Seq,
// and the record's id unless it is asked for.
func EncodeEntry(e *idempotency.Entry, withID bool) []byte {
	var w writer
	w.begin(96)
	if nanos, ok := near(e.At); ok && !e.At.IsZero() {
		w.base = nanos
		w.int(1, nanos)
	}
	if withID {
		w.text(2, string(e.ID))
	}
	w.time(3, e.At)
	w.text(4, string(e.Kind))
	w.text(5, string(e.From))
	w.text(6, string(e.To))
	w.number(7, e.Fence)
	w.int(8, int64(e.Generation))
	w.text(9, e.Vendor)
	w.text(10, string(e.Ref))
	w.text(11, e.VendorID)
	w.int(12, int64(e.Delivery))
	w.int(13, int64(e.Code))
	w.text(14, e.By)
	w.text(15, e.Note)
	return w.seal(nil)
}

// DecodeEntry reads what EncodeEntry has written, or the entry as JSON. The id,
// the record's, is that of an entry without one.
func DecodeEntry(seq uint64, data, id []byte) (e idempotency.Entry, err error) {
	if len(data) > 0 && data[0] == textForm {
		if json.Unmarshal(data, &e) != nil { // its error may quote a value
			err = errDamaged
		}
	} else {
		err = decodeEntry(&e, data)
	}
	if err != nil {
		e = idempotency.Entry{Seq: seq} // the rest cannot be believed
		if id != nil {
			e.ID = IDOf(id)
		}
		return e, &idempotency.DamagedError{Entry: seq, Record: e.ID, Err: err}
	}
	e.Seq = seq
	if e.ID == "" && id != nil {
		e.ID = IDOf(id)
	}
	return e, nil
}

func decodeEntry(e *idempotency.Entry, data []byte) error {
	in, ok := open(data, nil)
	if !ok {
		return errDamaged
	}
	for f, ok := in.next(); ok; f, ok = in.next() {
		in.entry(e, f)
	}
	if in.bad {
		return errDamaged
	}
	return nil
}

func (r *reader) entry(to *idempotency.Entry, f field) {
	switch f.number {
	case 1:
		r.base = unzigzag(f.n)
	case 2:
		to.ID = idempotency.ID(f.text)
	case 3:
		to.At = r.time(f)
	case 4:
		to.Kind = idempotency.EntryKind(f.text)
	case 5:
		to.From = idempotency.State(f.text)
	case 6:
		to.To = idempotency.State(f.text)
	case 7:
		to.Fence = f.n
	case 8:
		to.Generation = f.int()
	case 9:
		to.Vendor = f.text
	case 10:
		to.Ref = postproof.Ref(f.text)
	case 11:
		to.VendorID = f.text
	case 12:
		to.Delivery = postproof.Delivery(f.int())
	case 13:
		to.Code = postproof.Code(f.int())
	case 14:
		to.By = f.text
	case 15:
		to.Note = f.text
	}
}
