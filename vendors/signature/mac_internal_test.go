package signature

import (
	"hash"
	"testing"
	"time"
)

// counted counts the MACs that are computed.
type counted struct {
	hash.Hash

	sums *int
}

func (c counted) Sum(b []byte) []byte {
	*c.sums++
	return c.Hash.Sum(b)
}

// TestEverySecretIsTried: the number of MACs does not tell which secret
// fitted, or whether one did.
func TestEverySecretIsTried(t *testing.T) {
	t.Parallel()
	secrets := [][]byte{[]byte("a-secret-of-some-length"), []byte("b-secret-of-some-length"), []byte("c-secret-of-some-length")}
	m := &message{timestamp: "1700000000", body: []byte("body")}
	for signer, wantMatch := range map[string]bool{
		"a-secret-of-some-length": true, "b-secret-of-some-length": true, "c-secret-of-some-length": true, "d-secret-of-some-length": false,
	} {
		other, err := newKeyring(SHA256, Hex, [][]byte{[]byte(signer)})
		if err != nil {
			t.Fatal(err)
		}
		ring, err := newKeyring(SHA256, Hex, secrets)
		if err != nil {
			t.Fatal(err)
		}
		sums := 0
		for _, k := range ring.keys {
			plain := k.macs.New
			k.macs.New = func() any {
				c, ok := plain().(*mac)
				if !ok {
					t.Error("the pool makes another thing")
					return nil
				}
				c.hash = counted{c.hash, &sums}
				return c
			}
		}
		var signatures list
		signatures.add(other.sign(m)[0])
		signatures.add("of another length")
		if got := ring.match(m, &signatures); got != wantMatch {
			t.Errorf("signed by %s: %t, want %t", signer, got, wantMatch)
		}
		if sums != len(secrets) {
			t.Errorf("signed by %s: %d MACs, want %d", signer, sums, len(secrets))
		}
	}
}

// TestLongHeadsAreNotKept: one long id does not fill the pool for ever.
func TestLongHeadsAreNotKept(t *testing.T) {
	t.Parallel()
	ring, err := newKeyring(SHA256, Base64, [][]byte{[]byte("a-secret-of-some-length")})
	if err != nil {
		t.Fatal(err)
	}
	var none list
	for range 100 {
		ring.match(&message{id: string(make([]byte, 1<<16))}, &none)
		if c, ok := ring.keys[0].macs.Get().(*mac); !ok || cap(c.head) > maxPooledHead {
			t.Fatalf("the pool holds %d bytes of a head", cap(c.head))
		}
	}
}

// FuzzTimestamp: no text is a time but 10 or 13 digits, and each time is
// written as it was read.
func FuzzTimestamp(f *testing.F) {
	for _, seed := range []string{"1700000000", "1700000000000", "", "0", "-1", "9999999999", "0000000000", "170000000O", "1.7e9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, ok := parseTimestamp(s)
		if !ok {
			return
		}
		unit := time.Second
		if len(s) == millisecondsDigits {
			unit = time.Millisecond
		}
		again, err := writeTimestamp(at, unit)
		if s[0] != '0' && (err != nil || again != s) {
			t.Errorf("%q was read as %v and is written %q, %v", s, at, again, err)
		}
	})
}
