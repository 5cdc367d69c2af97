package client_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/damaged"
	"github.com/postproof/postproof/snapshot"
)

// What is damaged keeps her in nothing else: the rest is erased and proven, and the
// report names what could not be looked into, until it is mended.
func TestEraseBesideWhatIsDamaged(t *testing.T) {
	t.Parallel()
	p, s := newPress(t, "alpha", postproof.IdempotencyKey), damaged.New()
	c := newClient(t, s, []*press{p})
	for _, j := range []postproof.Job{ada(), job("other"), job("broken")} {
		if _, err := c.Submit(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	rec := status(t, c, adaKey)
	body := `{"ref":"` + string(rec.Submissions[0].Ref) + `","name":"Ada Quill"}`
	before := callbackOf(t, s, idempotency.MessageApplied, "before", `{"id":"another's"}`)
	whole := callbackOf(t, s, idempotency.MessageParked, "nothing of it can be read", body)
	header := callbackOf(t, s, idempotency.MessageApplied, "its body can be read", body)
	waits := callbackOf(t, s, idempotency.MessageWaiting, "waits for ever", body)
	callbackOf(t, s, idempotency.MessageApplied, "behind them", body)
	s.Message(before.ID, false)
	s.Message(whole.ID, true)
	s.Message(header.ID, false)
	s.Message(waits.ID, false)
	broken := s.Record("broken")
	var own []uint64
	for e, err := range s.Entries(t.Context(), idempotency.EntryQuery{ID: rec.ID}) {
		if err != nil {
			t.Fatal(err)
		}
		own = append(own, e.Seq)
	}
	s.Entry(own[0])
	dir := t.TempDir()
	lists, err := snapshot.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	noList := strings.Repeat("0", 64)
	if err := os.Mkdir(filepath.Join(dir, noList), 0o700); err != nil {
		t.Fatal(err)
	}
	list := "contact_id,name,address_line1,city,state,zip\n" + adaContact + ",Ada Quill,12 Elm Street,Springfield,IL,62701\nben,Ben Poe,3 Oak St,Springfield,IL,62701\n"
	if _, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(list), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: lists}); err != nil {
		t.Fatal(err)
	}
	e := eraseAda()
	e.Keys = append(e.Keys, "broken")
	e.Now, e.Artwork, e.Snapshots, e.Contacts = true, true, lists, []string{adaContact}
	rep := erase(t, c, e)
	want := []client.ErasureUnread{
		{Kind: "record", ID: string(broken)},
		{Kind: "snapshot", ID: noList},
		{Kind: "message", ID: fmt.Sprint(before.ID)},
		{Kind: "message", ID: fmt.Sprint(whole.ID)},
		{Kind: "message", ID: fmt.Sprint(waits.ID)},
	}
	got := rep.Unread
	entries := 0
	for i := 0; i < len(got); i++ { // the first entry of a job is erased with it: it was met before that
		if got[i].Kind == "entry" {
			got = append(got[:i:i], got[i+1:]...)
			entries++
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || entries != 1 {
		t.Errorf("unread, beside %d entries (-want +got):\n%s", entries, diff)
	}
	if rep.Complete() || len(rep.Jobs) != 1 || len(rep.Messages) != 2 || len(rep.Snapshots) != 1 {
		t.Errorf("complete %v, %d jobs, %d messages, %d snapshots; want false, 1, 2, 1", rep.Complete(), len(rep.Jobs), len(rep.Messages), len(rep.Snapshots))
	}
	if err := c.VerifyErasure(t.Context(), rep); err != nil {
		t.Errorf("VerifyErasure: %v", err)
	}
	s.Mend()
	if err := os.Remove(filepath.Join(dir, noList)); err != nil {
		t.Fatal(err)
	}
	e.Keys = e.Keys[:1]
	rep = erase(t, c, e)
	if len(rep.Unread) > 0 {
		t.Errorf("after it was mended: %v", rep.Unread)
	}
}

// bigStore says of its artwork that it is large.
type bigStore struct {
	*idempotency.Memory
	removed map[string]bool
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (b *bigStore) OpenBlob(_ context.Context, blob postproof.Blob) (io.ReadCloser, error) {
	if b.removed[blob.Digest] {
		return nil, idempotency.ErrNotFound
	}
	return io.NopCloser(io.LimitReader(zeros{}, blob.Size)), nil
}

func (b *bigStore) RemoveBlob(_ context.Context, blob postproof.Blob) error {
	b.removed[blob.Digest] = true
	return nil
}

// Artwork for which there is no room is left, and the report says what to do: come
// again, which takes it, or delete it by hand.
func TestEraseLargeArtwork(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for name, c := range map[string]struct {
		size  int64
		twice bool
		named bool // by whoever erases, and by no record
		says  string
	}{
		"more than fits":                               {65 * mib, false, false, "RemoveBlob"},
		"more than fits, together":                     {40 * mib, true, false, "erase again"},
		"more than fits, together, of no job any more": {40 * mib, true, true, "erase again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, s := newPress(t, "alpha", postproof.IdempotencyKey), &bigStore{Memory: idempotency.NewMemory(postproof.ModeTest), removed: map[string]bool{}}
			mail := newClient(t, s, []*press{p})
			blob := func(what string) postproof.Blob {
				sum := sha256.Sum256([]byte(what))
				return postproof.Blob{Digest: hex.EncodeToString(sum[:]), Size: c.size}
			}
			front, back := blob("front"), blob("front")
			if c.twice {
				back = blob("back")
			}
			j := ada()
			j.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.PDF{Front: postproof.File{Blob: front}, Back: postproof.File{Blob: back}}}
			e := eraseAda()
			e.Now, e.Artwork = true, true
			if c.named {
				e.Keys, e.Blobs = nil, []postproof.Blob{front, back}
			} else if _, err := mail.Enqueue(t.Context(), one(j)); err != nil {
				t.Fatal(err)
			}
			left := func() (n int, problems string) {
				t.Helper()
				rep, err := mail.Erase(t.Context(), e, officer)
				if err != nil {
					t.Fatal(err)
				}
				for _, a := range rep.Artwork {
					if a.Outcome == client.ArtworkLeft {
						n++
					}
				}
				return n, strings.Join(rep.Problems, "\n")
			}
			if n, problems := left(); n != 1 || !strings.Contains(problems, c.says) || strings.Count(problems, "artwork ") == 0 {
				t.Errorf("%d left: %q; want one, and to say %q", n, problems, c.says)
			}
			if c.named {
				e.Keys, e.Blobs = []postproof.Key{"another"}, nil // the next one, of whomever
			}
			if !c.twice {
				if n, problems := left(); n != 1 || !strings.Contains(problems, c.says) || len(s.removed) != 0 {
					t.Errorf("the second time %d are left: %q, and %d were deleted", n, problems, len(s.removed))
				}
				if err := s.RemoveBlob(t.Context(), front); err != nil {
					t.Fatal(err)
				}
			}
			if n, problems := left(); n != 0 || problems != "" {
				t.Errorf("the last time %d are left: %q", n, problems)
			}
			if want := map[bool]int{false: 1, true: 2}[c.twice]; len(s.removed) != want {
				t.Errorf("%d were deleted in all, want %d", len(s.removed), want)
			}
		})
	}
}
