package signature_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/postproof/postproof/vendors/signature"
)

// spellings are what a secret looks like in the output of a printer: as text,
// as bytes in decimal and hexadecimal digits, as base64, and what is decoded of
// it likewise; and, since it stands so in an HMAC, with its pads.
func spellings(secret string) []string {
	raws := [][]byte{[]byte(secret)}
	for _, prefix := range []string{"whsec_", "whpk_", "whsk_"} {
		if text, ok := strings.CutPrefix(secret, prefix); ok {
			if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
				raws = append(raws, decoded)
			}
		}
	}
	var all []string
	for _, raw := range raws {
		for _, pad := range []byte{0, 0x36, 0x5c} {
			b := bytes.Clone(raw)
			for i := range b {
				b[i] ^= pad
			}
			b = b[:12] // a part of it is too much
			all = append(all, string(b), strings.Trim(fmt.Sprint(b), "[]"), fmt.Sprintf("%x", b), fmt.Sprintf("%X", b),
				base64.StdEncoding.EncodeToString(b), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}"))
		}
	}
	return all
}

// holder has what a program has: a verifier in a field that fmt may not call
// methods on.
type holder struct {
	verifier *signature.Verifier
	value    signature.Verifier
	any      any
}

// TestNothingPrintsASecret: neither fmt with any verb, nor log/slog, nor JSON,
// nor a printer that follows every pointer; the sender's public key aside.
func TestNothingPrintsASecret(t *testing.T) {
	t.Parallel()
	eachScheme(t, func(t *testing.T, s scheme) {
		secret, _ := s.keys(1)
		v := s.mustVerifier(t, 1)
		h, body := s.mustSign(t, small(), signedAt(), 1)
		want(t, "so that its pools are filled", v.Verify(h, body, signedAt()), nil)
		check := func(what, text string) {
			t.Helper()
			for _, spelling := range spellings(secret) {
				if strings.Contains(text, spelling) {
					t.Errorf("%s holds the secret: %s", what, text)
					return
				}
			}
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p"} {
			check(verb, fmt.Sprintf(verb, v))
			check("holder "+verb, fmt.Sprintf(verb, holder{v, *v, v}))
			check("pointer to holder "+verb, fmt.Sprintf(verb, &holder{v, *v, *v}))
		}
		for what, text := range map[string]string{"%v": fmt.Sprint(v), "%#v": fmt.Sprintf("%#v", v), "%+v": fmt.Sprintf("%+v", v)} {
			if !strings.HasPrefix(text, "signature.Verifier(") || !strings.HasSuffix(text, "1 secret)") {
				t.Errorf("%s: %s", what, text)
			}
		}
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("made", "verifier", v, "holder", holder{v, *v, v})
		slog.New(slog.NewTextHandler(&out, nil)).Info("made", "verifier", v, "holder", holder{v, *v, v})
		if !strings.Contains(out.String(), "signature.Verifier(") {
			t.Errorf("the log does not name the verifier: %s", out.String())
		}
		check("log/slog", out.String())
		text, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		check("JSON", string(text))
		var deep strings.Builder
		walk(&deep, reflect.ValueOf(holder{v, *v, v}), map[uintptr]bool{})
		if !strings.Contains(deep.String(), "signature.Verifier(") {
			t.Fatal("the walk found nothing")
		}
		check("a printer that follows pointers", deep.String())
		for _, err := range []error{
			s.mustVerifier(t, 2).Verify(h, body, signedAt()), v.Verify(h, body, signedAt().AddDate(1, 0, 0)), v.Verify(nil, nil, signedAt()),
		} {
			check("an error", fmt.Sprintf("%v %+v %#v", err, err, err))
		}
	})
}

// TestTokensPrintDigestsAtMost: they are kept as such.
func TestTokensPrintDigestsAtMost(t *testing.T) {
	t.Parallel()
	tokens, err := signature.NewTokens(secretText, secretText+"2")
	if err != nil {
		t.Fatal(err)
	}
	var deep strings.Builder
	walk(&deep, reflect.ValueOf(tokens), map[uintptr]bool{})
	all := fmt.Sprintf("%v %+v %#v %v %v", tokens, tokens, tokens, struct{ t *signature.Tokens }{tokens}, *tokens) + deep.String()
	for _, spelling := range spellings(secretText) {
		if strings.Contains(all, spelling) {
			t.Errorf("the tokens are in %s", all)
		}
	}
	if got := tokens.LogValue().String() + tokens.GoString(); got != strings.Repeat("signature.Tokens(2)", 2) {
		t.Error(got)
	}
}

// walk writes every text and number below v, through pointers, interfaces and
// fields that are not exported, as spew does.
func walk(w *strings.Builder, v reflect.Value, seen map[uintptr]bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.Kind() == reflect.Pointer && (v.IsNil() || seen[v.Pointer()]) {
			return
		}
		if v.Kind() == reflect.Pointer {
			seen[v.Pointer()] = true
		}
		if !v.IsNil() {
			walk(w, v.Elem(), seen)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			walk(w, field, seen)
			w.WriteByte('\n')
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, v.Len())
			for i := range b {
				b[i] = byte(v.Index(i).Uint())
			}
			fmt.Fprintf(w, "%s %x %v", b, b, b)
			return
		}
		for i := range v.Len() {
			walk(w, v.Index(i), seen)
		}
	case reflect.Map:
		for key, value := range v.Seq2() {
			walk(w, key, seen)
			walk(w, value, seen)
		}
	case reflect.String:
		w.WriteString(v.String())
	default: // a number, or a function, into which nobody sees
	}
}
