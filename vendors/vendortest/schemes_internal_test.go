package vendortest

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/adaptertest"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/signature"
)

// announcing is a vendor that also tells of what is no piece of mail.
type announcing struct{ adaptertest.Calling }

func (a announcing) AccountCallback(secret string, at time.Time) (http.Header, []byte) {
	const body = `{"id":"evt_00aa11bb22cc33dd","object":"event","reference_id":"adr_fc26a9a4b1","event_type":{"id":"address.created"}}`
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "." + body))
	return http.Header{"Lob-Signature": {fmt.Sprintf("%x", mac.Sum(nil))}, "Lob-Signature-Timestamp": {stamp}}, []byte(body)
}

// standard is Lob as if it signed by Standard Webhooks, by hand.
type standard struct {
	announcing

	// private are the private keys by the public ones; nil for shared secrets.
	private map[string]ed25519.PrivateKey
}

func (s standard) Callback(ref, secret string, at time.Time) (http.Header, []byte) {
	_, body := s.announcing.Callback(ref, secret, at)
	return s.sign(secret, at, body), body
}

func (s standard) AccountCallback(secret string, at time.Time) (http.Header, []byte) {
	_, body := s.announcing.AccountCallback(secret, at)
	return s.sign(secret, at, body), body
}

func (s standard) sign(secret string, at time.Time, body []byte) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	text := fmt.Sprintf("msg_1.%s.%s", stamp, body)
	var sum string
	if key, ok := s.private[secret]; ok {
		sum = "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(text)))
	} else {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			return nil // it cannot sign
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		sum = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return http.Header{"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {sum}}
}

// TestCallbackSchemes: a vendor that signs by Standard Webhooks passes, with the
// default secrets where they are shared and with its own where they are key pairs.
func TestCallbackSchemes(t *testing.T) {
	t.Parallel()
	private, public := map[string]ed25519.PrivateKey{}, make([]string, 3)
	for i := range public {
		key := ed25519.NewKeyFromSeed([]byte(strings.Repeat(strconv.Itoa(i), ed25519.SeedSize)))
		pub, ok := key.Public().(ed25519.PublicKey)
		if !ok {
			t.Fatal("no public key")
		}
		public[i] = "whpk_" + base64.StdEncoding.EncodeToString(pub)
		private[public[i]] = key
	}
	for _, test := range []struct {
		name    string
		private map[string]ed25519.PrivateKey
		secrets []string
		// says is what a check says; empty where all pass.
		says string
	}{
		{name: "shared secrets"},
		{name: "key pairs", private: private, secrets: public},
		{"two secrets", nil, []string{callbackSecret, retiredSecret}, "not three different ones"},
		{"a secret twice", nil, []string{callbackSecret, retiredSecret, callbackSecret}, "not three different ones"},
		{"an empty secret", nil, []string{callbackSecret, "", strangeSecret}, "not three different ones"},
		{"secrets of another form", nil, []string{"suite-secret-1f0c7d52", "suite-secret-0b9d41e6", "suite-secret-7e2a90c4"}, "NewVerifier with"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var all []string
			ran := 0
			for _, c := range checks() {
				if c.name == "CallbackData" || !strings.HasPrefix(c.name, "Callback") {
					continue
				}
				ran++
				all = append(all, c.problems(t.Context(), func() Harness {
					h := harness(t, "lob")
					adapter, good := h.Adapter.(full)
					sim, calls := h.Simulator.(announcing)
					if !good || !calls {
						t.Fatal("the good harness lacks something")
					}
					b := &broken{full: adapter}
					b.newVerifier = func(secrets ...string) (vendors.Verifier, error) {
						v, err := signature.StandardWebhooks{}.NewVerifier(secrets...)
						if err != nil {
							return nil, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, err)
						}
						return v, nil
					}
					h.Adapter, h.Simulator, h.CallbackSecrets = b.adapter(), standard{sim, test.private}, test.secrets
					return h
				})...)
			}
			said := strings.Join(all, "\n")
			if ran < 6 || test.says == "" && said != "" || !strings.Contains(said, test.says) {
				t.Errorf("%d checks say %.500q, want %q", ran, said, test.says)
			}
		})
	}
}

// TestDefaultSecrets: the suite's own secrets are good for every scheme whose
// secrets are shared.
func TestDefaultSecrets(t *testing.T) {
	t.Parallel()
	secrets := []string{callbackSecret, retiredSecret, strangeSecret}
	for name, newVerifier := range map[string]func(secrets ...string) (*signature.Verifier, error){
		"HMAC":             signature.HMAC{Header: "X-Signature"}.NewVerifier,
		"TimestampedHMAC":  signature.TimestampedHMAC{Header: "X-Signature", TimestampHeader: "X-Time"}.NewVerifier,
		"PackedHMAC":       signature.PackedHMAC{Header: "X-Signature"}.NewVerifier,
		"StandardWebhooks": signature.StandardWebhooks{}.NewVerifier,
		"JWT":              signature.JWT{}.NewVerifier,
	} {
		if _, err := newVerifier(secrets...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
