package signature_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/signature"
)

const joseHS256 = `{"alg":"HS256"}`

// makeToken signs any header and claims, by rights or not.
func makeToken(newHash func() hash.Hash, header, claims, secret string) string {
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	return signed + "." + signText(newHash, signed, secret)
}

func signText(newHash func() hash.Hash, signed, secret string) string {
	mac := hmac.New(newHash, []byte(secret))
	mac.Write([]byte(signed))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// TestJWTAlgorithmIsPinned: whatever the token's header says and whoever
// signed it, it is HS256 or nothing.
func TestJWTAlgorithmIsPinned(t *testing.T) {
	t.Parallel()
	v, err := signature.JWT{}.NewVerifier(secretText)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat(" ", 1<<10)
	for _, tt := range []struct {
		header string
		reason error
	}{
		{joseHS256, nil},
		{`{"typ":"JWT","alg":"HS256"}`, nil},
		{`{"typ":"at+jwt","alg":"HS256"}`, nil},
		{`{"typ":17,"alg":"HS256","kid":"1","jku":"https://example.com","jwk":{"k":""},"x5u":[]}`, nil},
		{` { "alg" : "HS256" } `, nil},
		{`{"alg":"none"}`, signature.ErrSignature},
		{`{"alg":"None"}`, signature.ErrSignature},
		{`{"alg":"hs256"}`, signature.ErrSignature},
		{`{"alg":"HS384"}`, signature.ErrSignature},
		{`{"alg":"HS512"}`, signature.ErrSignature},
		{`{"alg":"RS256"}`, signature.ErrSignature},
		{`{"alg":"ES256"}`, signature.ErrSignature},
		{`{"alg":"EdDSA"}`, signature.ErrSignature},
		{`{"alg":["HS256"]}`, signature.ErrSignature},
		{`{"alg":null}`, signature.ErrSignature},
		{`{"alg":""}`, signature.ErrSignature},
		{`{}`, signature.ErrSignature},
		{`{"Alg":"HS256"}`, signature.ErrSignature},
		{`{"alg":"none","alg":"HS256"}`, signature.ErrMalformed},
		{`{"alg":"HS256","alg":"none"}`, signature.ErrMalformed},
		{`{"alg":"HS256","crit":["exp"],"exp":1}`, signature.ErrMalformed},
		{`{"alg":"HS256","crit":[]}`, signature.ErrMalformed},
		{`{"alg":"HS256","b64":false}`, signature.ErrMalformed},
		{`{"alg":"HS256"}{}`, signature.ErrMalformed},
		{`{"alg":"HS256"`, signature.ErrMalformed},
		{`{"alg":"HS256",}`, signature.ErrMalformed},
		{`{alg:"HS256"}`, signature.ErrMalformed},
		{`["HS256"]`, signature.ErrMalformed},
		{`"HS256"`, signature.ErrMalformed},
		{`null`, signature.ErrMalformed},
		{``, signature.ErrMalformed},
		{joseHS256 + long, signature.ErrMalformed},
	} {
		body := makeToken(sha256.New, tt.header, `{}`, secretText)
		want(t, tt.header, v.Verify(nil, []byte(body), signedAt()), tt.reason)
	}
	for what, body := range map[string]string{
		"none, unsigned":    strings.TrimRight(makeToken(sha256.New, `{"alg":"none"}`, `{}`, secretText), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"),
		"HS256, unsigned":   strings.TrimRight(makeToken(sha256.New, joseHS256, `{}`, secretText), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"),
		"HS512 under HS256": makeToken(sha512.New, joseHS256, `{}`, secretText),
		"HS384 under HS256": makeToken(sha512.New384, joseHS256, `{}`, secretText),
		"the empty secret":  makeToken(sha256.New, joseHS256, `{}`, ""),
		"another secret":    makeToken(sha256.New, joseHS256, `{}`, secretText+"x"),
	} {
		want(t, what, v.Verify(nil, []byte(body), signedAt()), signature.ErrSignature)
	}
}

// TestJWTForm: three parts of base64url in its one spelling, and nothing around
// them, though the owner of the secret signed what is there.
func TestJWTForm(t *testing.T) {
	t.Parallel()
	v, err := signature.JWT{}.NewVerifier(secretText)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(header, claims string) string {
		return header + "." + claims + "." + signText(sha256.New, header+"."+claims, secretText)
	}
	const header, claims = "eyJhbGciOiJIUzI1NiJ9", "eyJhIjoxfQ" // {"alg":"HS256"}, {"a":1}
	good := signed(header, claims)
	want(t, "good", v.Verify(nil, []byte(good), signedAt()), nil)
	mac := good[strings.LastIndex(good, ".")+1:]
	// The last character of 32 bytes carries 4 bits and 2 that must be 0.
	loose := mac[:42] + string(nextCharacter(mac[42]))
	for what, tt := range map[string]struct {
		body   string
		reason error
	}{
		"empty":                        {"", signature.ErrMalformed},
		"one part":                     {header, signature.ErrMalformed},
		"two parts":                    {header + "." + claims, signature.ErrMalformed},
		"four parts":                   {good + "." + mac, signature.ErrMalformed},
		"five parts":                   {"." + good + ".", signature.ErrMalformed},
		"no header":                    {signed("", claims), signature.ErrMalformed},
		"no claims":                    {signed(header, ""), signature.ErrMalformed},
		"claims with bits of padding":  {signed(header, "eyJhIjoxfR"), signature.ErrMalformed},
		"claims with padding":          {signed(header, "eyJhIjoxfQ=="), signature.ErrMalformed},
		"claims with a line feed":      {signed(header, "eyJh\nIjoxfQ"), signature.ErrMalformed},
		"claims in standard base64":    {signed(header, "eyJhIjoi/+8ifQ"), signature.ErrMalformed},
		"claims of an impossible size": {signed(header, "eyJhI"), signature.ErrMalformed},
		"header with a line feed":      {signed("eyJhbGciOiJIUz\r\nI1NiJ9", claims), signature.ErrMalformed},
		"header with padding":          {signed(header+"=", claims), signature.ErrMalformed},
		"signature with loose bits":    {good[:len(good)-43] + loose, signature.ErrSignature},
		"signature with padding":       {good + "=", signature.ErrSignature},
		"signature with a line feed":   {good + "\n", signature.ErrSignature},
		"white space before":           {" " + good, signature.ErrMalformed},
		"in quotes":                    {`"` + good + `"`, signature.ErrMalformed},
		"JSON":                         {`{"a":1.5,"b":2.5}`, signature.ErrMalformed},
		"claims are no object":         {makeToken(sha256.New, joseHS256, `[1]`, secretText), signature.ErrMalformed},
		"claims are no JSON":           {makeToken(sha256.New, joseHS256, `data`, secretText), signature.ErrMalformed},
		"claims are cut":               {makeToken(sha256.New, joseHS256, `{"a":`, secretText), signature.ErrMalformed},
	} {
		want(t, what, v.Verify(nil, []byte(tt.body), signedAt()), tt.reason)
	}
	if decoded, err := base64.RawURLEncoding.DecodeString(loose); err != nil || base64.RawURLEncoding.EncodeToString(decoded) != mac {
		t.Errorf("the loose signature %q must decode to the same bytes: %v", loose, err)
	}
}

// nextCharacter is the character of base64url after c.
func nextCharacter(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)+1]
}

// TestJWTTimes: each of the times is checked where it is present, both of
// iat's sides among them.
func TestJWTTimes(t *testing.T) {
	t.Parallel()
	v, err := signature.JWT{Tolerance: time.Minute}.NewVerifier(secretText)
	if err != nil {
		t.Fatal(err)
	}
	at := signedAt().Unix()
	for _, tt := range []struct {
		claims string
		reason error
	}{
		{`{}`, nil},
		{fmt.Sprintf(`{"iat":%d,"nbf":%d,"exp":%d}`, at, at, at), nil},
		{fmt.Sprintf(`{"iat":%d}`, at-60), nil},
		{fmt.Sprintf(`{"iat":%d}`, at-61), signature.ErrStale},
		{fmt.Sprintf(`{"iat":%d.5}`, at-61), signature.ErrStale},
		{fmt.Sprintf(`{"iat":%d.5}`, at-60), nil},
		{fmt.Sprintf(`{"iat":%d}`, at+60), nil},
		{fmt.Sprintf(`{"iat":%d}`, at+61), signature.ErrFuture},
		{fmt.Sprintf(`{"iat":%d.5}`, at+60), signature.ErrFuture},
		{`{"iat":0}`, signature.ErrStale},
		{`{"iat":1.7e9}`, nil},
		{fmt.Sprintf(`{"exp":%d}`, at-60), nil},
		{fmt.Sprintf(`{"exp":%d}`, at-61), signature.ErrStale},
		{fmt.Sprintf(`{"exp":%d}`, at+1e6), nil},
		{`{"exp":0}`, signature.ErrStale},
		{fmt.Sprintf(`{"nbf":%d}`, at+60), nil},
		{fmt.Sprintf(`{"nbf":%d}`, at+61), signature.ErrFuture},
		{fmt.Sprintf(`{"nbf":%d}`, at-1e6), nil},
		{fmt.Sprintf(`{"iat":%d,"exp":%d}`, at-1e6, at+1e6), signature.ErrStale},
		{fmt.Sprintf(`{"iat":%d,"exp":%d}`, at, at-1e6), signature.ErrStale},
		{fmt.Sprintf(`{"iat":%d,"nbf":%d}`, at, at+1e6), signature.ErrFuture},
		{`{"iat":1700000000000}`, signature.ErrMalformed},
		{`{"exp":1700000000000}`, signature.ErrMalformed},
		{`{"exp":1e400}`, signature.ErrMalformed},
		{`{"exp":-1}`, signature.ErrMalformed},
		{`{"exp":"1700000000"}`, signature.ErrMalformed},
		{`{"exp":null}`, signature.ErrMalformed},
		{`{"exp":true}`, signature.ErrMalformed},
		{`{"exp":{}}`, signature.ErrMalformed},
		{`{"iat":1700000000,"exp":[]}`, signature.ErrMalformed},
		{`{"exp":0,"exp":1700000000}`, signature.ErrMalformed},
		{`{"exp":1700000000,"exp":0}`, signature.ErrMalformed},
		{`{"EXP":0,"Iat":0,"data":{"exp":0,"iat":0}}`, nil},
		{`{"exp":1700000000`, signature.ErrMalformed},
	} {
		err := v.Verify(nil, []byte(makeToken(sha256.New, joseHS256, tt.claims, secretText)), signedAt())
		want(t, tt.claims, err, tt.reason)
	}
}

// TestUnverifiedClaims: the claims come back byte for byte, and by whomever
// they were signed.
func TestUnverifiedClaims(t *testing.T) {
	t.Parallel()
	for _, claims := range []string{`{}`, "{ \"a\" : 1.0,\r\n\"b\":\"\\u00e9é\" }", `not even JSON`, ``} {
		got, err := signature.UnverifiedClaims([]byte(makeToken(sha256.New, `{"alg":"none"}`, claims, "")))
		if err != nil {
			t.Errorf("%q: %v", claims, err)
		}
		if diff := cmp.Diff(claims, string(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	for _, body := range []string{"", "a", "a.b", "a.b.c.d", "a.!.c", "a.eyJhIjoxfR.c", "a.eyJh\nIjoxfQ.c", `{"a":1.1}`} {
		_, err := signature.UnverifiedClaims([]byte(body))
		want(t, body, err, signature.ErrMalformed)
	}
}
