package signature_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/postproof/postproof/vendors/signature"
)

// hexMAC is the signature by the shortest way there is.
func hexMAC(secret string, signed string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return hex.EncodeToString(mac.Sum(nil))
}

// checkRefusal: every refusal has one of the four reasons.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	if err != nil && !refused(err) {
		t.Errorf("a refusal without a reason: %v", err)
	}
}

// FuzzHMAC: what is accepted was signed.
func FuzzHMAC(f *testing.F) {
	f.Add("", "")
	f.Add("body", hexMAC(secretText, "body"))
	f.Add("body", strings.ToUpper(hexMAC(secretText, "body")))
	f.Add("body", strings.Repeat("0", 64))
	v, err := signature.HMAC{Header: "Signature"}.NewVerifier("another-secret-of-some-length", secretText)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body, text string) {
		h := http.Header{"Signature": {text}}
		err := v.Verify(h, []byte(body), signedAt())
		checkRefusal(t, err)
		if signed := text == hexMAC(secretText, body) || text == hexMAC("another-secret-of-some-length", body); signed != (err == nil) {
			t.Errorf("header %q, body %q: %v", text, body, err)
		}
		h["Signature"] = []string{hexMAC(secretText, body)}
		want(t, "signed", v.Verify(h, []byte(body), signedAt()), nil)
	})
}

// FuzzTimestampedHMAC: what is accepted was signed with that time.
func FuzzTimestampedHMAC(f *testing.F) {
	f.Add("body", "1700000000", hexMAC(secretText, "1700000000.body"))
	f.Add("body", "1700000000000", hexMAC(secretText, "1700000000000.body"))
	f.Add("1.body", "170000000", hexMAC(secretText, "170000000.1.body"))
	f.Add("", "", "")
	v, err := signature.TimestampedHMAC{Header: "Signature", TimestampHeader: "Timestamp"}.NewVerifier(secretText)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body, timestamp, text string) {
		err := v.Verify(http.Header{"Signature": {text}, "Timestamp": {timestamp}}, []byte(body), signedAt())
		checkRefusal(t, err)
		if err == nil && text != hexMAC(secretText, timestamp+"."+body) {
			t.Errorf("headers %q and %q, body %q: accepted", timestamp, text, body)
		}
	})
}

// FuzzPackedHeader: no header panics, and what is accepted holds its time once
// and the signature over it.
func FuzzPackedHeader(f *testing.F) {
	good := hexMAC(secretText, "1700000000.body")
	for _, seed := range []string{
		"t=1700000000,v1=" + good, "v1=" + good + ",t=1700000000", "t=1700000000,v0=1,v1=" + good + ",v1=00", "", ",", "=", "t", "t=", "t=,v1=",
		"t=1700000000,t=1700000000,v1=" + good, "t=1700000000, v1=" + good, strings.Repeat("v1=00,", 20) + "t=1700000000",
	} {
		f.Add(seed)
	}
	v, err := signature.PackedHMAC{Header: "Signature"}.NewVerifier(secretText)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		err := v.Verify(http.Header{"Signature": {value}}, []byte("body"), signedAt())
		checkRefusal(t, err)
		if err != nil {
			return
		}
		times, signed := 0, false
		elements := strings.Split(value, ",")
		for _, element := range elements {
			if timestamp, ok := strings.CutPrefix(element, "t="); ok {
				times++
				signed = strings.Contains(value, "v1="+hexMAC(secretText, timestamp+".body"))
			}
		}
		if times != 1 || !signed || len(elements) > 17 {
			t.Errorf("%q was accepted", value)
		}
	})
}

// FuzzStandardHeaders: no headers panic, and what is accepted was signed with
// that id and time.
func FuzzStandardHeaders(f *testing.F) {
	secret := "whsec_" + strings.Repeat("A", 32)
	key := string(make([]byte, 24))
	sign := func(id, timestamp string) string {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(id + "." + timestamp + ".body"))
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	good := sign("msg_1", "1700000000")
	for _, seed := range [][3]string{
		{"msg_1", "1700000000", good},
		{"msg_1", "1700000000", "v1a," + base64.StdEncoding.EncodeToString(large(64)) + " v2, " + good},
		{"msg_1", "1700000000000", good},
		{"", "", ""},
		{"a.b", "1700000000", sign("a.b", "1700000000")},
		{"a", "1700000000", "v1a," + strings.Repeat("A", 87) + "\n"},
		{"a", "1700000000", strings.Repeat("v1, ", 20)},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	v, err := signature.StandardWebhooks{}.NewVerifier(secret, "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, timestamp, value string) {
		err := v.Verify(http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {value}}, []byte("body"), signedAt())
		checkRefusal(t, err)
		if err == nil && (id == "" || strings.Contains(id, ".") || !strings.Contains(" "+value+" ", " "+sign(id, timestamp)+" ")) {
			t.Errorf("%q, %q, %q were accepted", id, timestamp, value)
		}
	})
}

// FuzzJWT: no body panics, verified or not, and what is accepted is a token
// that was signed, in its one spelling.
func FuzzJWT(f *testing.F) {
	for _, claims := range []string{`{}`, `{"iat":1700000000}`, `{"exp":0}`, `{"exp":NaN}`, `[]`, `{"iat":1700000000,"iat":1}`} {
		f.Add([]byte(makeToken(sha256.New, joseHS256, claims, secretText)))
		f.Add([]byte(makeToken(sha256.New, `{"alg":"none"}`, claims, secretText)))
	}
	for _, seed := range []string{"", "..", "a.b.c", "....", "\n.\n.\n", `{"a":1.5,"b":2.5}`} {
		f.Add([]byte(seed))
	}
	v, err := signature.JWT{}.NewVerifier(secretText)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := v.Verify(nil, body, signedAt())
		checkRefusal(t, err)
		claims, claimsErr := signature.UnverifiedClaims(body)
		checkRefusal(t, claimsErr)
		if claimsErr == nil && strings.Split(string(body), ".")[1] != base64.RawURLEncoding.EncodeToString(claims) {
			t.Errorf("%q has claims in another spelling", body)
		}
		if err == nil {
			last := strings.LastIndex(string(body), ".")
			if string(body[last+1:]) != signText(sha256.New, string(body[:last]), secretText) || claimsErr != nil {
				t.Errorf("%q was accepted", body)
			}
		}
	})
}

// FuzzJWTParts: whatever the owner of the secret signs, header and claims, is
// read without a panic.
func FuzzJWTParts(f *testing.F) {
	f.Add(joseHS256, `{"iat":1700000000}`)
	f.Add(`{"alg":"HS256","crit":["b64"],"b64":false}`, `{"exp":1e400}`)
	f.Add(`{"alg":"none"}`, `{"a":[{"b":"\"}"}],"nbf":1}`)
	f.Add(``, ``)
	v, err := signature.JWT{}.NewVerifier(secretText)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header, claims string) {
		err := v.Verify(nil, []byte(makeToken(sha256.New, header, claims, secretText)), signedAt())
		checkRefusal(t, err)
		if err == nil && !strings.Contains(header, `"HS256"`) {
			t.Errorf("the header %q was accepted", header)
		}
	})
}

// FuzzSecret: no secret panics, and none is in the error about it.
func FuzzSecret(f *testing.F) {
	for _, seed := range []string{"", "short", secretText, secretText + "\n", "whsec_" + strings.Repeat("A", 32), "whsk_", anotherSecret("whpk_"), "whpk_" + strings.Repeat("A", 43) + "="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, secret string) {
		_, err := signature.StandardWebhooks{}.NewVerifier(secret)
		_, err2 := signature.HMAC{Header: "Signature"}.NewVerifier(secret)
		if len(secret) > 12 && (contains(err, secret) || contains(err2, secret)) {
			t.Errorf("%v, %v", err, err2)
		}
	})
}
