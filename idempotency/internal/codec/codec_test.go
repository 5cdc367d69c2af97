package codec_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

// fill sets every field of what v points to, each to a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2027, 3, 1, 9, 0, *n, *n, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(field, n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.String:
		v.SetString("text " + strconv.Itoa(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint64, reflect.Uint8:
		v.SetUint(uint64(*n % 256))
	default:
		panic("a field of kind " + v.Kind().String())
	}
}

func filled() *idempotency.Record {
	r, n := new(idempotency.Record), 0
	fill(reflect.ValueOf(r).Elem(), &n)
	r.ID, r.Bare = idempotency.IDOf("key"), false // what is bare is never stored
	return r
}

// back takes a record into columns and out of them.
func back(t *testing.T, r *idempotency.Record) *idempotency.Record {
	t.Helper()
	row := codec.Encode(r)
	got, err := stored(row).Record()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func stored(row *codec.Row) *codec.Stored {
	return &codec.Stored{
		ID: row.ID, Fence: int64(row.Fence), LeaseOwner: row.LeaseOwner, LeaseUntil: row.LeaseUntil, Data: row.Data, Job: row.Job,
	}
}

// TestNoFieldIsForgotten: whatever a record has comes back, and so will what is
// added to it.
func TestNoFieldIsForgotten(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]*idempotency.Record{
		"every field": filled(),
		"none":        {ID: idempotency.IDOf("key")},
		"digests": {
			ID: idempotency.IDOf("key"), ContactSum: string(idempotency.IDOf("ada")),
			Artwork: []postproof.Blob{{Digest: string(idempotency.IDOf("1")), Size: 1}, {Digest: string(idempotency.IDOf("2")), Size: math.MaxInt64}},
		},
		"an empty past": {ID: idempotency.IDOf("key"), Prior: new(idempotency.Prior)},
		"empty submissions": {
			ID: idempotency.IDOf("key"), CreatedAt: time.Unix(5, 5).UTC(), Submissions: make([]idempotency.Submission, 3),
		},
	} {
		if diff := cmp.Diff(want, back(t, want)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	var want idempotency.Entry
	n := 0
	fill(reflect.ValueOf(&want).Elem(), &n)
	want.ID = idempotency.IDOf("key")
	for _, withID := range []bool{true, false} {
		got, err := codec.DecodeEntry(want.Seq, codec.EncodeEntry(&want, withID), codec.IDBytes(want.ID))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("entry (-want +got):\n%s", diff)
		}
	}
	if got, err := codec.DecodeEntry(1, codec.EncodeEntry(&want, false), nil); err != nil || got.ID != "" {
		t.Errorf("without an id: %q, %v", got.ID, err)
	}
}

// TestTimes: a time keeps its nanoseconds and its offset, however far it is.
func TestTimes(t *testing.T) {
	t.Parallel()
	times := []time.Time{
		{},
		time.Unix(0, 0).UTC(), time.Unix(0, 1).UTC(), time.Unix(-1, 999_999_999).UTC(),
		time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(1823, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Unix(math.MaxInt64/2, 0).UTC(),
		time.Date(2027, 3, 1, 9, 0, 0, 7, time.FixedZone("", -5*3600)), time.Date(2027, 3, 1, 9, 0, 0, 7, time.FixedZone("", 3600+17)),
	}
	for _, base := range times {
		for _, at := range times {
			r := &idempotency.Record{ID: idempotency.IDOf("key"), CreatedAt: base, UpdatedAt: at}
			got := back(t, r)
			if !got.CreatedAt.Equal(base) || !got.UpdatedAt.Equal(at) {
				t.Errorf("%v and %v came back as %v and %v", base, at, got.CreatedAt, got.UpdatedAt)
			}
			_, want := at.Zone()
			if _, offset := got.UpdatedAt.Zone(); offset != want {
				t.Errorf("the offset of %v came back as %d", at, offset)
			}
		}
	}
}

// TestOddTexts: a text is bytes.
func TestOddTexts(t *testing.T) {
	t.Parallel()
	want := filled()
	want.Campaign, want.Hold.Note = "a\x00b\xff\x1e\x1f", string(make([]byte, 100_000))
	want.Job = []byte{}
	if diff := cmp.Diff(want, back(t, want)); diff != "" {
		t.Errorf("(-want +got):\n%.500s", diff)
	}
}

// TestDamageIsSeen: a bit that has changed anywhere, a record that was cut off,
// and one under another id.
func TestDamageIsSeen(t *testing.T) {
	t.Parallel()
	row := codec.Encode(filled())
	broken := func(what string, s *codec.Stored) {
		t.Helper()
		if _, err := s.Record(); !errors.Is(err, idempotency.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", what, err)
		}
	}
	for i := range row.Data {
		s := stored(row)
		s.Data = append([]byte(nil), row.Data...)
		s.Data[i] ^= 1 << (i % 8)
		broken("bit", s)
		s.Data = row.Data[:i]
		broken("cut off", s)
	}
	other := stored(row)
	other.ID = codec.IDBytes(idempotency.IDOf("another"))
	broken("another id", other)
	entry := codec.EncodeEntry(&idempotency.Entry{Kind: "created", At: time.Unix(1, 1)}, true)
	for i := range entry {
		one := append([]byte(nil), entry...)
		one[i] ^= 1 << (i % 8)
		if _, err := codec.DecodeEntry(7, one, nil); !errors.Is(err, idempotency.ErrCorrupt) {
			t.Errorf("entry: %v, want ErrCorrupt", err)
		}
	}
}

// TestRecordAsText: what was written as JSON is read all the same.
func TestRecordAsText(t *testing.T) {
	t.Parallel()
	want := &idempotency.Record{
		Version: 1, ID: idempotency.IDOf("key"), Key: "key", State: idempotency.Held, Fence: 7,
		Submissions: []idempotency.Submission{{Generation: 1, Ref: "ABCDEFGHIJKLMNOP", Join: postproof.Accepted}},
		CreatedAt:   time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC),
	}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	s := codec.Stored{ID: codec.IDBytes(want.ID), Fence: 7, LeaseUntil: codec.Never, Data: data}
	got, err := s.Record()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.ID = codec.IDBytes(idempotency.IDOf("another"))
	if _, err := s.Record(); !errors.Is(err, idempotency.ErrCorrupt) {
		t.Errorf("under another id: %v, want ErrCorrupt", err)
	}
	s.ID, s.Data = codec.IDBytes(want.ID), []byte("{")
	if _, err := s.Record(); !errors.Is(err, idempotency.ErrCorrupt) {
		t.Errorf("cut off: %v, want ErrCorrupt", err)
	}
	entry, err := codec.DecodeEntry(3, []byte(`{"kind":"created","at":"2027-03-01T09:00:00Z"}`), codec.IDBytes(want.ID))
	if err != nil || entry.Kind != "created" || entry.Seq != 3 || entry.ID != want.ID {
		t.Errorf("entry = %+v, %v", entry, err)
	}
}

func TestKeysSortAsIDs(t *testing.T) {
	t.Parallel()
	ids := []idempotency.ID{}
	for i := range 100 {
		ids = append(ids, idempotency.IDOf(postproof.Key("key "+strconv.Itoa(i))))
	}
	for _, a := range ids {
		for _, b := range ids {
			if x, y := codec.Key(codec.IDBytes(a)), codec.Key(codec.IDBytes(b)); (a < b) != (x < y) {
				t.Fatalf("%s and %s have the keys %d and %d", a, b, x, y)
			}
		}
	}
	for _, id := range ids {
		if key, ok := codec.KeyOf(id); !ok || key != codec.Key(codec.IDBytes(id)) {
			t.Errorf("the key of %s is %d, %v", id, key, ok)
		}
	}
	for _, id := range []idempotency.ID{"", "nonsense", ids[0][:63], ids[0] + "0", idempotency.ID(strings.ToUpper(string(ids[0]))), ids[0][:63] + "g"} {
		if key, ok := codec.KeyOf(id); ok || len(codec.IDBytes(id)) > 0 {
			t.Errorf("%q has the key %d, and is no id", id, key)
		}
	}
	if codec.Key(nil) != math.MinInt64 {
		t.Error("the key of nothing does not come first")
	}
}

func TestJobSum(t *testing.T) {
	t.Parallel()
	seen := map[int64]string{}
	for name, r := range map[string]*idempotency.Record{
		"none": {}, "empty": {Job: []byte{}}, "a": {Job: []byte("a")}, "b": {Job: []byte("b")}, "a zero more": {Job: []byte("a\x00")},
		"another paper": {Job: []byte("a"), Fingerprint: "v1:1"},
	} {
		sum := codec.JobSum(r)
		if other, ok := seen[sum]; ok || (sum == 0) != (name == "none") {
			t.Errorf("%s has the sum %d, as has %s", name, sum, other)
		}
		seen[sum] = name
	}
}

// TestBare: without its job a record says so.
func TestBare(t *testing.T) {
	t.Parallel()
	s := stored(codec.Encode(filled()))
	s.Job, s.Bare = nil, true
	got, err := s.Record()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(filled().Strip(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := len(strings.Split(codec.BareColumns, ",")); len(s.Dest()) != n {
		t.Errorf("%d columns go to %d places", n, len(s.Dest()))
	}
}

// FuzzDecode: foreign bytes are an error, and never more than that.
func FuzzDecode(f *testing.F) {
	row := codec.Encode(filled())
	f.Add(row.Data)
	f.Add([]byte("{}"))
	f.Add([]byte{1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := stored(row)
		s.Data = codec.Reseal(data, s.ID)
		if r, err := s.Record(); err == nil && len(data) > 0 && data[0] != '{' {
			back(t, r)
		}
		entry := codec.Reseal(data, nil)
		if e, err := codec.DecodeEntry(1, entry, nil); err == nil {
			_ = codec.EncodeEntry(&e, true)
		}
	})
}

// TestUnknownFields: what a newer version has added is passed over.
func TestUnknownFields(t *testing.T) {
	t.Parallel()
	want := filled()
	row := codec.Encode(want)
	s := stored(row)
	more := append(append([]byte(nil), row.Data...), 200<<1&0x7f|0x80, 200>>6, 7) // a number
	more = append(more, 201<<1&0x7f|1|0x80, 201>>6, 3, 'n', 'e', 'w')             // a text
	s.Data = codec.Reseal(more, s.ID)
	got, err := s.Record()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func BenchmarkEncode(b *testing.B) {
	r := filled()
	b.ReportAllocs()
	for b.Loop() {
		codec.Encode(r)
	}
}

func BenchmarkDecode(b *testing.B) {
	s := stored(codec.Encode(filled()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Record(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestHasRef: a reference is found where one stands, not where a vendor or a
// vendor's id is the same text.
func TestHasRef(t *testing.T) {
	t.Parallel()
	r := &idempotency.Record{ID: idempotency.IDOf("key"), Submissions: []idempotency.Submission{
		{Vendor: "lob", Ref: "AAAA"},
		{Vendor: "BBBB", Ref: "CCCC", VendorID: "DDDD"},
		{Vendor: "pcm"},
		{Vendor: "pcm", Ref: "EEEE", VendorID: "AAAA1"},
	}}
	links := codec.Encode(r).Links
	for _, ref := range []string{"AAAA", "CCCC", "EEEE"} {
		if !codec.HasRef(links, ref) {
			t.Errorf("the record's own reference %s is not found", ref)
		}
	}
	for _, other := range []string{"lob", "BBBB", "DDDD", "AAAA1", "AAA", "FFFF"} {
		if codec.HasRef(links, other) {
			t.Errorf("%s is taken for a reference", other)
		}
	}
	for _, odd := range []string{"", "\x1e", "\x1elob", "\x1elob\x1f", "\x1elob\x1fAAAA"} {
		if codec.HasRef(odd, "AAAA") {
			t.Errorf("a link that is cut off has a reference: %q", odd)
		}
	}
}
