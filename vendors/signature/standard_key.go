package signature

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"strings"
)

// What secrets and keys begin with.
const (
	sharedPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
)

// minShared is the shortest shared secret that the specification allows, in
// bytes after decoding.
const minShared = 24

// strictStd refuses bits that no encoder sets. It ignores line breaks, which
// the lengths of what is decoded give away.
var strictStd = base64.StdEncoding.Strict() //nolint:gochecknoglobals // a constant in all but name

// parseStandard decodes a secret or key. A private key comes back whole, from
// a seed as well. It says what is wrong, if anything is.
func parseStandard(secret string) (kind string, key []byte, problem string) {
	if secret == "" {
		return "", nil, "is empty"
	}
	for _, prefix := range []string{sharedPrefix, privatePrefix, publicPrefix} {
		if text, ok := strings.CutPrefix(secret, prefix); ok {
			kind = prefix
			decoded, err := strictStd.DecodeString(text)
			if err != nil || strings.ContainsAny(text, "\r\n") {
				return "", nil, "is no base64 with padding after " + prefix
			}
			key = decoded
		}
	}
	switch kind {
	case sharedPrefix:
		if len(key) < minShared {
			return "", nil, "is shorter than 24 bytes, which the specification asks for: have the sender make a new one"
		}
	case privatePrefix:
		return parsePrivate(key)
	case publicPrefix:
		if len(key) != ed25519.PublicKeySize {
			return "", nil, "is no public key of 32 bytes"
		}
		if smallOrder(key) {
			return "", nil, "is a public key for which anybody can sign"
		}
	default:
		return "", nil, "begins with none of whsec_, whpk_ and whsk_: a bare base64 secret takes whsec_ before it"
	}
	return kind, key, ""
}

func parsePrivate(key []byte) (kind string, private []byte, problem string) {
	switch len(key) {
	case ed25519.SeedSize:
		return privatePrefix, ed25519.NewKeyFromSeed(key), ""
	case ed25519.PrivateKeySize:
		// The second half is the public key, and must be that of the first.
		if !bytes.Equal(ed25519.NewKeyFromSeed(key[:ed25519.SeedSize]), key) {
			return "", nil, "is a private key whose halves do not belong together"
		}
		return privatePrefix, key, ""
	}
	return "", nil, "is no private key of 32 or 64 bytes"
}

// publicKeys are the active keys of a scheme with Ed25519.
type publicKeys []ed25519.PublicKey

// match reports whether one of the keys made one of the signatures. Unlike a
// MAC it needs the message in one piece, and may stop early: what it computes
// with is public.
func (p publicKeys) match(m *message, signatures *list) bool {
	if len(p) == 0 {
		return false
	}
	whole := m.whole()
	for _, text := range signatures.all() {
		signature, ok := decodeEd25519(text)
		if !ok {
			continue
		}
		for _, key := range p {
			if ed25519.Verify(key, whole, signature[:]) {
				return true
			}
		}
	}
	return false
}

// decodeEd25519 accepts the one spelling of a signature.
func decodeEd25519(text string) (signature [ed25519.SignatureSize]byte, ok bool) {
	if len(text) != base64.StdEncoding.EncodedLen(ed25519.SignatureSize) {
		return signature, false
	}
	var room [ed25519.SignatureSize + 2]byte // what padding would have held
	n, err := strictStd.Decode(room[:], []byte(text))
	copy(signature[:], room[:])
	return signature, err == nil && n == ed25519.SignatureSize
}

func signEd25519(key []byte, m *message) string {
	return strictStd.EncodeToString(ed25519.Sign(key, m.whole()))
}

// whole copies the message into one piece.
func (m *message) whole() []byte {
	return append(m.head(make([]byte, 0, len(m.id)+len(m.timestamp)+2+len(m.body))), m.body...)
}

// smallOrder reports whether a public key is one of the points of the curve
// that are annihilated by 8. For those a signature that fits some message is
// made without a private key; crypto/ed25519 accepts them.
func smallOrder(key []byte) bool {
	y := bytes.Clone(key)
	y[len(y)-1] &= 0x7f // the sign of x
	for _, point := range [...]string{
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
		"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
		"\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
		"\xed\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
		"\xee\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
	} {
		if string(y) == point {
			return true
		}
	}
	return false
}
