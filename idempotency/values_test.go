package idempotency_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func card(art postproof.Artwork) postproof.Postcard {
	return postproof.Postcard{Size: postproof.Size{Name: "6x4", Short: 4000, Long: 6000}, Artwork: art}
}

func TestFingerprintChangesWithThePaper(t *testing.T) {
	t.Parallel()
	blob := func(c string) postproof.Blob { return postproof.Blob{Digest: strings.Repeat(c, 64), Size: 9} }
	changes := map[string]func(*postproof.Job){
		"name":         func(j *postproof.Job) { j.To.Name = "x" },
		"company":      func(j *postproof.Job) { j.To.Company = "x" },
		"line 1":       func(j *postproof.Job) { j.To.Line1 = "x" },
		"line 2":       func(j *postproof.Job) { j.To.Line2 = "x" },
		"city":         func(j *postproof.Job) { j.To.City = "x" },
		"region":       func(j *postproof.Job) { j.To.Region = "CA" },
		"postal code":  func(j *postproof.Job) { j.To.PostalCode = "1" },
		"country":      func(j *postproof.Job) { j.To.Country = "CA" },
		"from":         func(j *postproof.Job) { j.From.Name = "x" },
		"from city":    func(j *postproof.Job) { j.From.City = "x" },
		"class":        func(j *postproof.Job) { j.Class = postproof.Marketing },
		"short edge":   func(j *postproof.Job) { p := card(exampleJob().Piece.Art()); p.Size.Short++; j.Piece = p },
		"long edge":    func(j *postproof.Job) { p := card(exampleJob().Piece.Art()); p.Size.Long++; j.Piece = p },
		"kind":         func(j *postproof.Job) { j.Piece = postproof.SelfMailer(card(exampleJob().Piece.Art())) },
		"letter":       func(j *postproof.Job) { j.Piece = postproof.Letter{} },
		"color":        func(j *postproof.Job) { j.Piece = postproof.Letter{Color: true} },
		"double sided": func(j *postproof.Job) { j.Piece = postproof.Letter{DoubleSided: true} },
		"address page": func(j *postproof.Job) { j.Piece = postproof.Letter{AddressPage: true} },
		"front":        func(j *postproof.Job) { j.Piece = card(postproof.HTML{Front: "other", Back: "<p>back</p>"}) },
		"back":         func(j *postproof.Job) { j.Piece = card(postproof.HTML{Front: "<p>front</p>", Back: "other"}) },
		"front blob":   func(j *postproof.Job) { j.Piece = card(postproof.HTML{FrontBlob: blob("a")}) },
		"PDF":          func(j *postproof.Job) { j.Piece = card(postproof.PDF{Front: postproof.File{Blob: blob("a")}}) },
		"PDF back":     func(j *postproof.Job) { j.Piece = card(postproof.PDF{Back: postproof.File{Blob: blob("a")}}) },
		"PDF address": func(j *postproof.Job) {
			j.Piece = card(postproof.PDF{Front: postproof.File{URL: "https://example.com"}})
		},
		"images":      func(j *postproof.Job) { j.Piece = card(postproof.Images{Front: postproof.File{Blob: blob("a")}}) },
		"template":    func(j *postproof.Job) { j.Piece = card(template("lob", "a", nil)) },
		"template id": func(j *postproof.Job) { j.Piece = card(template("lob", "b", nil)) },
		"its vendor":  func(j *postproof.Job) { j.Piece = card(template("pcm", "a", nil)) },
		"a variable":  func(j *postproof.Job) { j.Piece = card(template("lob", "a", map[string]string{"x": "1"})) },
		"its value":   func(j *postproof.Job) { j.Piece = card(template("lob", "a", map[string]string{"x": "2"})) },
		"its name":    func(j *postproof.Job) { j.Piece = card(template("lob", "a", map[string]string{"y": "1"})) },
	}
	// A change must differ from the unchanged job and from every other change.
	base := exampleJob()
	base.Piece = card(base.Piece.Art())
	seen := map[idempotency.Fingerprint]string{idempotency.FingerprintOf(base): "nothing"}
	for name, change := range changes {
		job := exampleJob()
		job.Piece = card(job.Piece.Art())
		change(job)
		fp := idempotency.FingerprintOf(job)
		if other, ok := seen[fp]; ok {
			t.Errorf("changing %s gives the fingerprint of changing %s", name, other)
		}
		seen[fp] = name
		if len(fp) != 3+32 || !strings.HasPrefix(string(fp), "v1:") {
			t.Errorf("fingerprint %q has another form", fp)
		}
	}
}

func template(vendor, id string, variables map[string]string) postproof.Template {
	return postproof.Template{IDs: map[string]postproof.TemplateIDs{vendor: {Front: id}}, Variables: variables}
}

func TestFingerprintStaysWhereThePaperDoes(t *testing.T) {
	t.Parallel()
	want := idempotency.FingerprintOf(exampleJob())
	for name, change := range map[string]func(*postproof.Job){
		"key":       func(j *postproof.Job) { j.Key = "x" },
		"campaign":  func(j *postproof.Job) { j.Campaign = "x" },
		"contact":   func(j *postproof.Job) { j.Contact = "x" },
		"priority":  func(j *postproof.Job) { j.Priority = 9 },
		"send date": func(j *postproof.Job) { j.SendDate = exampleStart() },
		"metadata":  func(j *postproof.Job) { j.Metadata = map[string]string{"a": "b"} },
		"blanks":    func(j *postproof.Job) { j.To.Name += " " },
		"country":   func(j *postproof.Job) { j.To.Country = "us" }, // the default, in words
		"size name": func(j *postproof.Job) {
			j.Piece = postproof.Postcard{Size: postproof.Size{Name: "other"}, Artwork: j.Piece.Art()}
		},
		"inline as blobs": func(j *postproof.Job) {
			j.Piece = j.Piece.WithArt(postproof.HTML{FrontBlob: blobOf("<p>front</p>"), BackBlob: blobOf("<p>back</p>")})
		},
	} {
		job := exampleJob()
		change(job)
		if got := idempotency.FingerprintOf(job); got != want {
			t.Errorf("%s changes the fingerprint", name)
		}
	}
	many := map[string]string{}
	for i := range 50 {
		many[fmt.Sprint(i)] = "v"
	}
	job := exampleJob()
	job.Piece = card(template("lob", "a", many))
	first := idempotency.FingerprintOf(job)
	for range 20 {
		if got := idempotency.FingerprintOf(job); got != first {
			t.Fatal("the order of a map changes the fingerprint")
		}
	}
}

// Fields are written with their lengths: moving a character from one into the
// next is another address.
func TestFingerprintKeepsFieldsApart(t *testing.T) {
	t.Parallel()
	a, b := exampleJob(), exampleJob()
	a.To.Line1, a.To.Line2 = "12", "3"
	b.To.Line1, b.To.Line2 = "1", "23"
	if idempotency.FingerprintOf(a) == idempotency.FingerprintOf(b) {
		t.Error("two addresses have one fingerprint")
	}
}

func TestNamespaceRefs(t *testing.T) {
	t.Parallel()
	ns := idempotency.NewNamespace()
	if other := idempotency.NewNamespace(); other == ns || len(ns) != 32 {
		t.Fatalf("namespaces %q and %q", ns, other)
	}
	const n = 20_000
	refs := make(map[postproof.Ref]bool, n)
	for i := range n {
		ref := ns.Ref(postproof.ModeLive, postproof.Key(fmt.Sprint("k", i)), 1+i%3)
		if !ref.Valid() {
			t.Fatalf("reference %q has another form", ref)
		}
		if refs[ref] {
			t.Fatalf("reference %q is given twice", ref)
		}
		refs[ref] = true
	}
}

// Each part decides, and no two lists of parts are one input.
func TestNamespaceKeepsPartsApart(t *testing.T) {
	t.Parallel()
	ns, other := idempotency.Namespace("a"), idempotency.Namespace("b")
	refs := map[postproof.Ref]string{}
	for name, ref := range map[string]postproof.Ref{
		"base": ns.Ref("test", "k", 1), "namespace": other.Ref("test", "k", 1), "mode": ns.Ref("live", "k", 1),
		"key": ns.Ref("test", "l", 1), "generation": ns.Ref("test", "k", 2),
		"moved": ns.Ref("tes", "tk", 1), "moved digit": ns.Ref("test", "k1", 1), "colon": ns.Ref("test", "1:k", 1),
	} {
		if refs[ref] != "" {
			t.Errorf("%s and %s have one reference", name, refs[ref])
		}
		refs[ref] = name
	}
	keys := map[string]string{}
	for name, key := range map[string]string{
		"base": ns.VendorKey("test", "v", "a", "k", 1), "mode": ns.VendorKey("live", "v", "a", "k", 1),
		"vendor": ns.VendorKey("test", "w", "a", "k", 1), "account": ns.VendorKey("test", "v", "b", "k", 1),
		"key": ns.VendorKey("test", "v", "a", "l", 1), "generation": ns.VendorKey("test", "v", "a", "k", 2),
		"moved": ns.VendorKey("test", "va", "", "k", 1), "namespace": other.VendorKey("test", "v", "a", "k", 1),
	} {
		if len(key) != 32 || strings.Trim(key, "0123456789abcdef") != "" {
			t.Errorf("%s: vendor key %q has another form", name, key)
		}
		if keys[key] != "" {
			t.Errorf("%s and %s have one vendor key", name, keys[key])
		}
		keys[key] = name
	}
}

// The values that are in the field must never change: a reference that is
// derived in another way names a piece that nobody knows.
func TestNamespaceGolden(t *testing.T) {
	t.Parallel()
	ns := idempotency.Namespace("00112233445566778899aabbccddeeff")
	got := []string{
		string(ns.Ref(postproof.ModeLive, "spring/c-1/card", 1)),
		ns.VendorKey(postproof.ModeLive, "lob", "acct", "spring/c-1/card", 1),
		string(idempotency.IDOf("spring/c-1/card")),
		string(idempotency.FingerprintOf(exampleJob())),
	}
	want := []string{
		"W4ZZMHTEREQDNF8C", "67bb001fb79582dfc96007ea479a1732",
		"95e6ab9e6a742466fccd72eff865bceb63fd2fb06697103e6f66e178aa3324f2", "v1:98c65992a0f5b06894e782086265fa16",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRecordSurvivesJSON(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list", "key")
	l.lose("list")
	l.absent("list")
	l.accept("key", "id")
	l.do(idempotency.WishCancel{By: "ann"})
	l.do(idempotency.PutOnHold{Reason: idempotency.HoldOperator, Note: "n"})
	want := *l.r
	want.Submissions[0].Twin, want.Submissions[0].Differs, want.Submissions[0].Veto = "twin", true, true
	want.State = "teleported" // by a newer version
	data, err := json.Marshal(&want)
	if err != nil {
		t.Fatal(err)
	}
	var got idempotency.Record
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNewerRecordsAreLeftAlone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*idempotency.Record){
		"state":   func(r *idempotency.Record) { r.State = "teleported" },
		"version": func(r *idempotency.Record) { r.Version = idempotency.RecordVersion + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLife(t, "key")
			change(l.r)
			l.wait(1)
			l.next(idempotency.DoNothing)
			if _, err := l.m.Apply(l.r, l.now, idempotency.WishCancel{By: "ann"}); err != idempotency.ErrNewer { //nolint:errorlint // it is returned bare
				t.Errorf("err = %v, want ErrNewer", err)
			}
			if _, visible := l.r.VisibleAt(); visible {
				t.Error("a worker may claim it")
			}
		})
	}
}

// Apply never touches the record that it is given: stores share it.
func TestApplyLeavesTheRecordAlone(t *testing.T) {
	t.Parallel()
	x := newExplorer(true, "key", "list")
	x.probe = func(w *world) {
		before, err := json.Marshal(w.rec)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range x.everyEvent(w) {
			next := *w
			_ = x.apply(&next, ev)
		}
		after, err := json.Marshal(w.rec)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(before), string(after)); diff != "" {
			t.Fatalf("the record was changed in place:\n%s", diff)
		}
	}
	x.run(t, budget{faults: 1})
}

func TestNextActions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		live func(*life)
		want idempotency.Do
	}{
		"planned":               {func(*life) {}, idempotency.DoSend},
		"planned, later":        {func(l *life) { l.do(idempotency.Postpone{Until: l.now.Add(tick)}) }, idempotency.DoWait},
		"planned, too long":     {func(l *life) { l.wait(24) }, idempotency.DoHold},
		"sending":               {func(l *life) { l.send("key") }, idempotency.DoWait},
		"sending, expired":      {func(l *life) { l.send("key"); l.wait(1) }, idempotency.DoExpire},
		"unknown, too early":    {func(l *life) { l.lose("key") }, idempotency.DoWait},
		"unknown, key open":     {func(l *life) { l.lose("key"); l.wait(1) }, idempotency.DoResend},
		"unknown, key closed":   {func(l *life) { l.lose("key"); l.wait(5) }, idempotency.DoLookUp},
		"unknown, no rebuild":   {func(l *life) { l.lose("key"); l.do(idempotency.CannotBuild{}) }, idempotency.DoLookUp},
		"unknown, list only":    {func(l *life) { l.lose("list"); l.wait(1) }, idempotency.DoLookUp},
		"unknown, unique ref":   {func(l *life) { l.lose("ref"); l.wait(9) }, idempotency.DoResend},
		"unknown, nobody":       {func(l *life) { l.lose("blind"); l.wait(1) }, idempotency.DoHold},
		"unknown, no body left": {func(l *life) { l.lose("keyonly"); l.do(idempotency.CannotBuild{}) }, idempotency.DoHold},
		"unknown, risk taken":   {func(l *life) { l.r.Policy = idempotency.PreferDuplicate; l.lose("blind"); l.wait(1) }, idempotency.DoDuplicate},
		"unknown, risk needless": {func(l *life) {
			l.r.Policy = idempotency.PreferDuplicate
			l.lose("list")
			l.wait(1)
		}, idempotency.DoLookUp},
		"unknown, risk taken before": {func(l *life) {
			l.r.Policy = idempotency.PreferDuplicate
			l.lose("blind")
			l.do(policyDecides()...)
			l.lose("blind")
			l.wait(1)
		}, idempotency.DoHold},
		"unknown, risk unwanted": {func(l *life) {
			l.r.Policy = idempotency.PreferDuplicate
			l.lose("blind")
			l.do(idempotency.WishCancel{By: "ann"})
			l.wait(1)
		}, idempotency.DoHold},
		"unknown, too long": {func(l *life) { l.lose("list"); l.wait(16) }, idempotency.DoHold},
		"refused": {func(l *life) {
			l.send("key")
			l.do(l.answered("key", postproof.Refused, postproof.CodeInvalidArgument))
		}, idempotency.DoNothing},
		"accepted":                   {func(l *life) { l.accept("key", "id") }, idempotency.DoWait},
		"accepted, quiet":            {func(l *life) { l.accept("key", "id"); l.wait(2) }, idempotency.DoPoll},
		"accepted, to be canceled":   {func(l *life) { l.accept("key", "id"); l.do(idempotency.WishCancel{By: "ann"}) }, idempotency.DoCancel},
		"accepted, no cancellation":  {func(l *life) { l.accept("blind", "id"); l.do(idempotency.WishCancel{By: "ann"}) }, idempotency.DoTooLate},
		"accepted, no status for so": {func(l *life) { l.accept("key", "id"); l.wait(20) }, idempotency.DoHold},
		"delivered": {func(l *life) {
			l.accept("key", "id")
			l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: see("id", postproof.StageDelivered)})
		}, idempotency.DoFinish},
		"held": {func(l *life) { l.do(idempotency.PutOnHold{Reason: idempotency.HoldCap}) }, idempotency.DoNothing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLife(t, "key", "list", "ref", "blind", "keyonly")
			tc.live(l)
			a := l.next(tc.want)
			switch {
			case a.Do == idempotency.DoWait && !a.At.After(l.now):
				t.Errorf("a wait until %s, which is over", a.At)
			case a.Do == idempotency.DoHold && a.Reason == "":
				t.Error("a hold without a reason")
			}
		})
	}
}

func TestBackoffBounds(t *testing.T) {
	t.Parallel()
	const base, limit = time.Second, time.Minute
	waits := func(key postproof.Key) []time.Duration {
		l := newLife(t, "ref")
		l.m.RetryBase, l.m.RetryCap = base, limit
		l.r.ID = idempotency.IDOf(key)
		var all []time.Duration
		for range 40 {
			l.send("ref")
			l.do(l.answered("ref", postproof.NotSent, postproof.CodeUnavailable))
			all = append(all, l.r.Due.Sub(l.now))
			l.now = l.r.Due
		}
		return all
	}
	one, two := waits("one"), waits("two")
	for i, d := range one {
		most := min(base<<min(i, 20), limit)
		if d < most/2 || d > most {
			t.Errorf("wait %d is %s, want %s to %s", i+1, d, most/2, most)
		}
	}
	if cmp.Equal(one, two) {
		t.Error("two jobs wait alike: what failed together comes back together")
	}
	if !cmp.Equal(one, waits("one")) {
		t.Error("the waits of one job differ from run to run")
	}
}

func blobOf(content string) postproof.Blob {
	sum := sha256.Sum256([]byte(content))
	return postproof.Blob{Digest: hex.EncodeToString(sum[:]), Size: int64(len(content))}
}
