package signature_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof/vendors/signature"
)

// TestBadSecretsAreRefused: the constructor says which secret is wrong, by its
// place, and never prints it; a good one beside it does not help.
func TestBadSecretsAreRefused(t *testing.T) {
	t.Parallel()
	encode := func(prefix string, n int) string {
		return prefix + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, n))
	}
	eachScheme(t, func(t *testing.T, s scheme) {
		if _, err := s.verifier(0); err == nil {
			t.Error("no secret at all was taken")
		}
		good, _ := s.keys(1)
		bad := map[string]string{
			"empty": "", "15 bytes": "abcdefghijklmno",
			"a line feed":  "abcdefghijklmnopqrstuvwxyz\n",
			"spaces":       " abcdefghijklmnopqrstuvwxyz",
			"white space":  strings.Repeat(" ", 40),
			"a tab":        "\tabcdefghijklmnopqrstuvwxyz",
			"two line end": "abcdefghijklmnopqrstuvwxyz\r\n",
		}
		if strings.HasPrefix(s.name, "StandardWebhooks") {
			private, _ := s.keys(1)
			if strings.HasPrefix(private, "whpk_") {
				_, private = s.keys(1)
			} else {
				private = encode("whsk_", 32)
			}
			bad["a private key"] = private
			bad["no prefix"] = encode("", 32)
			bad["another prefix"] = encode("whsex_", 32)
			bad["only a prefix"] = "whsec_"
			bad["only a public prefix"] = "whpk_"
			bad["23 bytes"] = encode("whsec_", 23)
			bad["no base64"] = "whsec_!" + encode("", 32)
			bad["no padding"] = strings.TrimRight(encode("whsec_", 32), "=")
			bad["bits of padding"] = "whsec_" + strings.Repeat("A", 41) + "B=="
			bad["a line feed inside"] = "whsec_" + strings.Repeat("A", 20) + "\n" + strings.Repeat("A", 20)
			bad["public, 31 bytes"] = encode("whpk_", 31)
			bad["public, 33 bytes"] = encode("whpk_", 33)
			bad["public, line feed"] = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
		}
		for what, secret := range bad {
			_, err := s.verifier(0, good, secret)
			if err == nil {
				t.Errorf("%s: taken", what)
				continue
			}
			if !contains(err, "secret 2 of 2") || contains(err, strings.TrimSpace(secret)) {
				t.Errorf("%s: want the place and not the secret: %v", what, err)
			}
			if _, _, err := s.sign(small(), signedAt(), secret); err == nil && what != "a private key" {
				t.Errorf("%s: signed with", what)
			} else if contains(err, strings.TrimSpace(secret)) {
				t.Errorf("%s: the secret is in %v", what, err)
			}
		}
	})
}

// TestShortestSecrets: the minimum itself is enough.
func TestShortestSecrets(t *testing.T) {
	t.Parallel()
	if _, err := (signature.HMAC{Header: "Signature"}).NewVerifier("abcdefghijklmnop"); err != nil {
		t.Errorf("16 bytes: %v", err)
	}
	if _, err := (signature.StandardWebhooks{}).NewVerifier("whsec_" + strings.Repeat("A", 31) + "B"); err != nil {
		t.Errorf("24 bytes: %v", err)
	}
	if _, err := (signature.StandardWebhooks{}).NewVerifier("whsec_" + base64.StdEncoding.EncodeToString(large(64))); err != nil {
		t.Errorf("64 bytes: %v", err)
	}
}

// smallOrderKeys are the encodings of the points whose order divides 8, with
// both signs of x, canonical or not.
func smallOrderKeys(t testing.TB) [][]byte {
	t.Helper()
	var all [][]byte
	for _, text := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		key, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		negative := bytes.Clone(key)
		negative[31] |= 0x80
		all = append(all, key, negative)
	}
	return all
}

// TestKeysOfSmallOrderAreRefused: for such a public key a signature is made
// without a private one, which the test does, so that it cannot be a mistake
// in the list.
func TestKeysOfSmallOrderAreRefused(t *testing.T) {
	t.Parallel()
	forged := make([]byte, ed25519.SignatureSize) // R is the identity, S is 0
	forged[0] = 1
	forgeable := 0
	for i, key := range smallOrderKeys(t) {
		if _, err := (signature.StandardWebhooks{}).NewVerifier("whpk_" + base64.StdEncoding.EncodeToString(key)); !contains(err, "anybody") {
			t.Errorf("key %d was taken: %v", i, err)
		}
		for n := range 200 {
			if ed25519.Verify(key, fmt.Appendf(nil, "message %d", n), forged) {
				forgeable++
				break
			}
		}
	}
	if forgeable < 8 {
		t.Errorf("%d of the keys are forgeable: the list is another one", forgeable)
	}
}

// TestPrivateKeys: the seed and the pair sign alike, and a pair must be one.
func TestPrivateKeys(t *testing.T) {
	t.Parallel()
	seed := bytes.Repeat([]byte{9}, 32)
	pair := ed25519.NewKeyFromSeed(seed)
	broken := bytes.Clone(pair)
	broken[63] ^= 1
	sign := func(key []byte) (string, error) {
		h, err := signature.StandardWebhooks{}.Sign("msg_1", small(), signedAt(), "whsk_"+base64.StdEncoding.EncodeToString(key))
		return h.Get("Webhook-Signature"), err
	}
	a, err := sign(seed)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := sign(pair); err != nil || a != b {
		t.Errorf("by pair %q, %v; by seed %q", b, err, a)
	}
	for what, key := range map[string][]byte{"broken pair": broken, "31 bytes": seed[:31], "none": {}} {
		if _, err := sign(key); err == nil {
			t.Errorf("%s: signed", what)
		}
	}
	if _, err := (signature.StandardWebhooks{}).Sign("msg_1", small(), signedAt(), anotherSecret("whpk_")); err == nil {
		t.Error("signed with a public key")
	}
}

// TestSettingsAreChecked: mistakes in a scheme show when a verifier is made.
func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-of-some-length"
	for what, make := range map[string]func(...string) (*signature.Verifier, error){
		"HMAC without header":            signature.HMAC{}.NewVerifier,
		"HMAC, algorithm":                signature.HMAC{Header: "A", Algorithm: 9}.NewVerifier,
		"HMAC, encoding":                 signature.HMAC{Header: "A", Encoding: -1}.NewVerifier,
		"TimestampedHMAC without header": signature.TimestampedHMAC{TimestampHeader: "B"}.NewVerifier,
		"TimestampedHMAC without time":   signature.TimestampedHMAC{Header: "A"}.NewVerifier,
		"TimestampedHMAC in one header":  signature.TimestampedHMAC{Header: "A", TimestampHeader: "a"}.NewVerifier,
		"TimestampedHMAC, encoding":      signature.TimestampedHMAC{Header: "A", TimestampHeader: "B", Encoding: 9}.NewVerifier,
		"PackedHMAC without header":      signature.PackedHMAC{}.NewVerifier,
		"Token without header":           signature.Token{}.NewVerifier,
	} {
		if _, err := make(secret); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	packed := signature.PackedHMAC{Header: "A", Unit: time.Minute}
	if _, err := packed.Sign(small(), signedAt(), secret); err == nil {
		t.Error("signed a time in minutes")
	}
	packed.Unit = time.Second
	for _, at := range []time.Time{{}, time.Unix(999_999_999, 0), time.Unix(10_000_000_000, 0)} {
		if _, err := packed.Sign(small(), at, secret); err == nil {
			t.Errorf("signed %v, which no verifier reads", at)
		}
	}
	if _, err := packed.Sign(small(), signedAt()); err == nil {
		t.Error("signed without a secret")
	}
	for _, id := range []string{"", "a.b", "a b", "a\n"} {
		if _, err := (signature.StandardWebhooks{}).Sign(id, small(), signedAt(), "whsec_"+strings.Repeat("A", 32)); err == nil {
			t.Errorf("signed with the id %q", id)
		}
	}
	if _, err := (signature.StandardWebhooks{}).Sign("a", small(), signedAt()); err == nil {
		t.Error("signed without a secret")
	}
	for _, claims := range []string{"", "[]", "{", "{}{}", `{"exp":1,"exp":2}`, `{"exp":"1"}`, `{"a":b}`} {
		if _, err := (signature.JWT{}).Sign([]byte(claims), secret); err == nil {
			t.Errorf("signed the claims %q", claims)
		}
	}
}
