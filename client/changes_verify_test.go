package client_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// forged is a ledger whose settings somebody has changed behind its back.
type forged struct {
	*idempotency.Memory
	forge func(map[string]idempotency.Setting)
}

func (s *forged) Settings(ctx context.Context, prefix string) iter.Seq2[idempotency.Setting, error] {
	return func(yield func(idempotency.Setting, error) bool) {
		all := map[string]idempotency.Setting{}
		for set, err := range s.Memory.Settings(ctx, "") {
			if err != nil {
				yield(set, err)
				return
			}
			all[set.Name] = set
		}
		if s.forge != nil {
			s.forge(all)
		}
		var names []string
		for name := range all {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			if strings.HasPrefix(name, prefix) && !yield(all[name], nil) {
				return
			}
		}
	}
}

func (s *forged) Setting(ctx context.Context, name string) (idempotency.Setting, error) {
	for set, err := range s.Settings(ctx, name) {
		if err != nil || set.Name == name {
			return set, err
		}
	}
	return idempotency.Setting{}, nil
}

// someChanges makes a client whose change log has seven entries.
func someChanges(t *testing.T) (*client.Client, *forged) {
	t.Helper()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	store := &forged{Memory: idempotency.NewMemory(postproof.ModeTest)}
	c := newClient(t, store, []*press{p})
	for i := range 4 {
		pause(t, c, client.CampaignTarget(fmt.Sprint(i)))
		time.Sleep(time.Second)
	}
	for i := range 3 {
		resume(t, c, client.CampaignTarget(fmt.Sprint(i)))
		time.Sleep(time.Second)
	}
	return c, store
}

func entryName(n int) string { return fmt.Sprintf("log/%016d", n) }

// with returns a setting with another value.
func with(s idempotency.Setting, value []byte) idempotency.Setting {
	s.Value = value
	return s
}

// broken requires that the log is found to be broken, at the entry.
func broken(t *testing.T, c *client.Client, what string, n int, known ...client.ChangeHead) {
	t.Helper()
	_, err := c.VerifyChanges(t.Context(), known...)
	if !errors.Is(err, client.ErrChangeLog) || postproof.CodeOf(err) != postproof.CodeInternal {
		t.Fatalf("%s: %v, want ErrChangeLog", what, err)
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("entry %d ", n)) {
		t.Errorf("%s: %v, want entry %d", what, err, n)
	}
}

// Not one byte of any entry can be another.
func TestVerifyFindsEveryByte(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, store := someChanges(t)
		head := verified(t, c)
		tried := 0
		for n := 1; n <= 7; n++ {
			set, err := store.Memory.Setting(t.Context(), entryName(n))
			if err != nil {
				t.Fatal(err)
			}
			for i := range set.Value {
				for _, flip := range []byte{1, 0x20, 0x80} {
					value := bytes.Clone(set.Value)
					value[i] ^= flip
					store.forge = func(all map[string]idempotency.Setting) { all[set.Name] = with(set, value) }
					if _, err := c.VerifyChanges(t.Context()); !errors.Is(err, client.ErrChangeLog) || !strings.Contains(err.Error(), fmt.Sprintf("entry %d ", n)) {
						t.Fatalf("byte %d of entry %d was changed by %#x, and it is %v:\n%s", i, n, flip, err, value)
					}
					tried++
				}
			}
			for what, value := range map[string][]byte{
				"a byte more": append(bytes.Clone(set.Value), ' '), "a byte less": set.Value[:len(set.Value)-1], "nothing": nil,
				"a field more":       bytes.Replace(set.Value, []byte(`{"n":`), []byte(`{"x":1,"n":`), 1),
				"a name in capitals": bytes.Replace(set.Value, []byte(`"by":`), []byte(`"BY":`), 1),
			} {
				store.forge = func(all map[string]idempotency.Setting) { all[set.Name] = with(set, value) }
				broken(t, c, what, n)
			}
		}
		store.forge = nil
		if got := verified(t, c, head); got != head || tried < 1000 {
			t.Errorf("%+v and %+v; %d forgeries", head, got, tried)
		}
	})
}

func TestVerifyFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, store := someChanges(t)
		head := verified(t, c)
		third := changes(t, c, client.ChangeQuery{})[2]
		knownThird := client.ChangeHead{N: 3, Digest: third.Digest}
		if got := verified(t, c, head, knownThird); got != head || head.N != 7 {
			t.Fatalf("%+v", got)
		}
		for n := 1; n <= 7; n++ {
			store.forge = func(all map[string]idempotency.Setting) { delete(all, entryName(n)) }
			broken(t, c, "an entry was taken out", n)
			store.forge = func(all map[string]idempotency.Setting) { // and those behind it close the gap
				for i := n; i < 7; i++ {
					all[entryName(i)] = with(all[entryName(i)], all[entryName(i+1)].Value)
				}
				delete(all, entryName(7))
			}
			broken(t, c, "an entry was taken out, and the others moved up", n)
		}
		for n := 1; n < 7; n++ {
			store.forge = func(all map[string]idempotency.Setting) {
				a, b := all[entryName(n)], all[entryName(n+1)]
				all[a.Name], all[b.Name] = with(a, b.Value), with(b, a.Value)
			}
			broken(t, c, "two entries were exchanged", n)
		}
		for n := 1; n <= 7; n++ { // by somebody who knows how digests are made
			store.forge = func(all map[string]idempotency.Setting) {
				set := all[entryName(n)]
				bare, _, _ := bytes.Cut(set.Value, []byte(`,"digest":`))
				bare = bytes.Replace(bare, []byte(`"ann"`), []byte(`"eve"`), 1)
				bare = append(bytes.Replace(bare, []byte(`"bob"`), []byte(`"eve"`), 1), '}')
				all[set.Name] = with(set, fmt.Appendf(nil, `%s,"digest":"%x"}`, bare[:len(bare)-1], sha256.Sum256(bare)))
			}
			broken(t, c, "an entry was written anew", min(n+1, 7))
		}
		// Whoever writes the head as well can cut the log off, or write all of it
		// anew: who knows an older head finds it out.
		cut := func(at int) func(map[string]idempotency.Setting) {
			return func(all map[string]idempotency.Setting) {
				for n := at + 1; n <= 7; n++ {
					delete(all, entryName(n))
				}
				if at == 0 {
					delete(all, "log/head")
					return
				}
				all["log/head"] = with(all["log/head"], fmt.Appendf(nil, `{"n":%d,"digest":%q}`, at, digests(t, store)[at-1]))
			}
		}
		for at := range 7 {
			store.forge = cut(at)
			if got, err := c.VerifyChanges(t.Context()); err != nil || got.N != uint64(at) {
				t.Errorf("cut at %d: %+v, %v; a whole shorter log is expected", at, got, err)
			}
			broken(t, c, "the tail was cut off", at+1, head)
			if at < 3 {
				broken(t, c, "the tail was cut off before an older head", at+1, knownThird)
			}
		}
		store.forge = func(all map[string]idempotency.Setting) { delete(all, "log/head") }
		broken(t, c, "the head was taken away", 1)
		store.forge = func(all map[string]idempotency.Setting) {
			all["log/head"] = with(all["log/head"], fmt.Appendf(nil, `{"n":7,"digest":%q}`, third.Digest))
		}
		broken(t, c, "the head is of another entry", 7)
		store.forge = nil
		broken(t, c, "another log was known", 3, client.ChangeHead{N: 3, Digest: head.Digest})
	})
}

func digests(t *testing.T, store *forged) (all []string) {
	t.Helper()
	for n := 1; n <= 7; n++ {
		set, err := store.Memory.Setting(t.Context(), entryName(n))
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(set.Value), `"digest":"`)
		all = append(all, strings.TrimSuffix(after, `"}`))
	}
	return all
}

// The log goes on while it is verified.
func TestVerifyBesideWriters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, store := someChanges(t)
		store.forge = nil
		slow := &busySettings{forged: store}
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		reader := newClient(t, slow, []*press{p})
		n := 0
		slow.between = func() {
			if n++; n < 20 {
				pause(t, c, client.CampaignTarget(fmt.Sprintf("new %d", n)))
			}
		}
		head := verified(t, reader)
		if diff := cmp.Diff(verified(t, c), head); diff != "" || head.N <= 7 {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// busySettings is a ledger in which something happens between two settings.
type busySettings struct {
	*forged
	between func()
}

func (s *busySettings) Settings(ctx context.Context, prefix string) iter.Seq2[idempotency.Setting, error] {
	return func(yield func(idempotency.Setting, error) bool) {
		for set, err := range s.forged.Settings(ctx, prefix) {
			if s.between != nil && strings.HasPrefix(prefix, "log/") {
				s.between()
			}
			if !yield(set, err) {
				return
			}
		}
	}
}

// An entry that is not asked for is not read either; one that is, and cannot be, is
// an error.
func TestChangesReadsFromBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, store := someChanges(t)
		store.forge = func(all map[string]idempotency.Setting) {
			all[entryName(3)] = with(all[entryName(3)], []byte("{"))
		}
		if got := changes(t, c, client.ChangeQuery{After: 3}); len(got) != 4 || got[0].N != 4 {
			t.Errorf("%d entries behind the third, want 4", len(got))
		}
		var last error
		for _, err := range c.Changes(t.Context(), client.ChangeQuery{After: 2}) {
			last = err
		}
		if !errors.Is(last, client.ErrChangeLog) {
			t.Errorf("%v, want ErrChangeLog", last)
		}
	})
}
