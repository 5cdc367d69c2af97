package signature_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/signature"
)

// vector is a callback that somebody else signed.
type vector struct {
	Name   string
	Source string
	Scheme struct {
		Kind            string
		Header          string
		TimestampHeader string `json:"timestamp_header"`
		Prefix          string
		SHA1, Base64    bool
	}
	Secrets      []string
	SecretBase64 []string `json:"secret_base64"` // secrets that are no text
	Private      []string // what signs, where it is another than what verifies
	Header       http.Header
	Body         string
	BodyFile     string `json:"body_file"`
	ReceivedAt   int64  `json:"received_at"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		v := &all[i]
		if v.BodyFile != "" {
			body, err := os.ReadFile(filepath.Join("testdata", v.BodyFile))
			if err != nil {
				t.Fatal(err)
			}
			v.Body = string(body)
		}
		for _, s := range v.SecretBase64 {
			secret, err := base64.StdEncoding.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			v.Secrets = append(v.Secrets, string(secret))
		}
	}
	return all
}

// scheme returns how to verify the vector and how to sign it again; sign is
// nil where the sender did what Sign does not (other versions, other headers).
func (v *vector) scheme(t testing.TB) (newVerifier func(...string) (*signature.Verifier, error), sign func(secret string) (http.Header, error)) {
	t.Helper()
	at, body, c := time.Unix(v.ReceivedAt, 0), []byte(v.Body), v.Scheme
	encoding, algorithm := signature.Hex, signature.SHA256
	if c.Base64 {
		encoding = signature.Base64
	}
	if c.SHA1 {
		algorithm = signature.SHA1
	}
	unit := time.Second
	switch c.Kind {
	case "HMAC":
		s := signature.HMAC{Header: c.Header, Algorithm: algorithm, Encoding: encoding}
		return s.NewVerifier, func(secret string) (http.Header, error) { return s.Sign(body, secret) }
	case "TimestampedHMAC":
		timestamp := v.Header.Get(c.TimestampHeader)
		s := signature.TimestampedHMAC{Header: c.Header, TimestampHeader: c.TimestampHeader, Encoding: encoding}
		at, s.Unit = parseTime(t, timestamp)
		return s.NewVerifier, func(secret string) (http.Header, error) { return s.Sign(body, at, secret) }
	case "PackedHMAC":
		s := signature.PackedHMAC{Header: c.Header}
		timestamp, rest, _ := strings.Cut(strings.TrimPrefix(v.Header.Get(c.Header), "t="), ",")
		if strings.Count(rest, ",") > 0 {
			return s.NewVerifier, nil
		}
		at, unit = parseTime(t, timestamp)
		s.Unit = unit
		return s.NewVerifier, func(secret string) (http.Header, error) { return s.Sign(body, at, secret) }
	case "JWT":
		return signature.JWT{}.NewVerifier, nil
	case "StandardWebhooks":
		s := signature.StandardWebhooks{HeaderPrefix: c.Prefix}
		if c.Prefix != "" {
			return s.NewVerifier, nil
		}
		return s.NewVerifier, func(secret string) (http.Header, error) {
			return s.Sign(v.Header.Get("Webhook-Id"), body, at, secret)
		}
	case "Token":
		s := signature.Token{Header: c.Header, Prefix: c.Prefix}
		return s.NewVerifier, func(secret string) (http.Header, error) { return s.Sign(secret) }
	}
	t.Fatalf("%s: no scheme of kind %q", v.Name, c.Kind)
	return nil, nil
}

func parseTime(t testing.TB, s string) (time.Time, time.Duration) {
	t.Helper()
	var n int64
	if err := json.Unmarshal([]byte(s), &n); err != nil {
		t.Fatal(err)
	}
	if len(s) == 13 {
		return time.UnixMilli(n), time.Millisecond
	}
	return time.Unix(n, 0), time.Second
}

// TestVectors: what vendors, RFCs and another implementation signed verifies;
// with another secret or body it does not; and Sign writes the same headers.
func TestVectors(t *testing.T) {
	t.Parallel()
	all := vectors(t)
	if len(all) < 17 {
		t.Fatalf("%d vectors", len(all))
	}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			newVerifier, sign := v.scheme(t)
			verifier, err := newVerifier(v.Secrets...)
			if err != nil {
				t.Fatal(err)
			}
			at := time.Unix(v.ReceivedAt, 0)
			want(t, "as it came", verifier.Verify(v.Header, []byte(v.Body), at), nil)
			if v.Scheme.Kind != "Token" {
				err := verifier.Verify(v.Header, []byte(v.Body+" "), at)
				if !refused(err) {
					t.Errorf("with a longer body: %v", err)
				}
			}
			other, err := newVerifier(anotherSecret(v.Secrets[0]))
			if err != nil {
				t.Fatal(err)
			}
			want(t, "with another secret", other.Verify(v.Header, []byte(v.Body), at), signature.ErrSignature)
			if sign == nil {
				return
			}
			private := v.Private
			if private == nil {
				private = v.Secrets
			}
			for i, secret := range private {
				signed, err := sign(secret)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(v.Header, signed); diff != "" {
					t.Errorf("signed with secret %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

func anotherSecret(s string) string {
	switch {
	case strings.HasPrefix(s, "whsec_"):
		return "whsec_" + base64.StdEncoding.EncodeToString(large(24))
	case strings.HasPrefix(s, "whpk_"):
		return "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" // RFC 8032, test 1
	}
	return "another-secret-of-some-length"
}

// TestVendorsSamples: the headers that vendors' pages show are read, though
// nobody can verify them: the pages hold neither body nor secret.
func TestVendorsSamples(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		new    func(...string) (*signature.Verifier, error)
		header http.Header
	}{
		{
			"PostGrid, guide", signature.PackedHMAC{Header: "PostGrid-Signature"}.NewVerifier,
			http.Header{"Postgrid-Signature": {"t=1718932335515,v1=e888f596cf2db26b2f58631cb28d620882022c5727a8f5a558f328f8d886e11d"}},
		},
		{
			"PostGrid, reference", signature.PackedHMAC{Header: "PostGrid-Signature"}.NewVerifier,
			http.Header{"Postgrid-Signature": {"t=1702916956,v1=j13wxqj8rtm8ce869dky52x2fk1d32z3x21q4f1kp63k81qkd0pgbm8hkeyw5thh"}},
		},
		{
			"Poplar", signature.HMAC{Header: "X-SLM-Signature", Algorithm: signature.SHA1}.NewVerifier,
			http.Header{"X-Slm-Signature": {"205610e3f868a33d2a9fed113bb7c79e3d56c4bc"}},
		},
		{
			"Standard Webhooks, specification", signature.StandardWebhooks{}.NewVerifier,
			http.Header{
				"Webhook-Id": {"msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"}, "Webhook-Timestamp": {"1674087231"},
				"Webhook-Signature": {"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="},
			},
		},
	}
	for _, tt := range tests {
		secrets := []string{"a-secret-of-some-length"}
		if strings.HasPrefix(tt.name, "Standard") {
			secrets = []string{anotherSecret("whsec_"), anotherSecret("whpk_")}
		}
		v, err := tt.new(secrets...)
		if err != nil {
			t.Fatal(err)
		}
		want(t, tt.name, v.Verify(tt.header, small(), signedAt()), signature.ErrSignature)
	}
}
