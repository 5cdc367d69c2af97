package callback_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/signature"
)

// schemePrinter is a printer whose callbacks a scheme of package signature
// verifies, as those of all vendors here are.
type schemePrinter struct{ *printer }

func (schemePrinter) scheme() signature.TimestampedHMAC {
	return signature.TimestampedHMAC{Header: "Printer-Signature", TimestampHeader: "Printer-Time"}
}

func (p schemePrinter) NewVerifier(secrets ...string) (vendors.Verifier, error) {
	return p.scheme().NewVerifier(secrets...)
}

// The reasons of package signature are the answers: what nobody can read is
// malformed, and the rest was not signed by the vendor, or not just now.
func TestReasonsOfSignaturesAreAnswers(t *testing.T) {
	t.Parallel()
	store := newFaulty()
	p := schemePrinter{newPrinter(t)}
	r := &recorder{sums: map[string]int64{}}
	var log counter
	mail := newClient(t, store, p.printer, client.WithMeterProvider(r), logTo(&log))
	rx := receiver(t, mail, []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}})
	body := []byte(`[{"id":"evt_1","piece":"psc_1","status":"mailed"}]`)
	verifier, err := p.NewVerifier(secret)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{}
	for name, tc := range map[string]struct {
		secret string
		by     time.Duration
		edit   func(http.Header)
		reason error
		status int
		told   string // to the owner, in the log and the metrics
	}{
		"signed":          {secret: secret, status: http.StatusOK},
		"no signature":    {secret: secret, edit: func(h http.Header) { h.Del("Printer-Signature") }, reason: signature.ErrMalformed, status: http.StatusBadRequest, told: "malformed"},
		"no time":         {secret: secret, edit: func(h http.Header) { h.Del("Printer-Time") }, reason: signature.ErrMalformed, status: http.StatusBadRequest, told: "malformed"},
		"two signatures":  {secret: secret, edit: func(h http.Header) { h.Add("Printer-Signature", "00") }, reason: signature.ErrMalformed, status: http.StatusBadRequest, told: "malformed"},
		"unreadable time": {secret: secret, edit: func(h http.Header) { h.Set("Printer-Time", "now") }, reason: signature.ErrMalformed, status: http.StatusBadRequest, told: "malformed"},
		"another secret":  {secret: secret2, reason: signature.ErrSignature, status: http.StatusUnauthorized, told: "signature"},
		"too old":         {secret: secret, by: -10 * time.Minute, reason: signature.ErrStale, status: http.StatusUnauthorized, told: "stale"},
		"too new":         {secret: secret, by: 10 * time.Minute, reason: signature.ErrFuture, status: http.StatusUnauthorized, told: "future"},
	} {
		now := time.Now()
		header, err := p.scheme().Sign(body, now.Add(tc.by), tc.secret)
		if err != nil {
			t.Fatal(err)
		}
		if tc.edit != nil {
			tc.edit(header)
		}
		if err := verifier.Verify(header, body, now); !errors.Is(err, tc.reason) {
			t.Errorf("%s: the verifier says %v, want %v", name, err, tc.reason)
		}
		req := rawRequest("/callbacks/printer", tc.secret, body)
		for _, k := range []string{"Printer-Signature", "Printer-Time"} {
			if req.Header.Del(k); len(header[k]) > 0 {
				req.Header[k] = header[k]
			}
		}
		resp := post(rx, req)
		if resp.StatusCode != tc.status {
			t.Errorf("%s: status %d, want %d", name, resp.StatusCode, tc.status)
		}
		if tc.told == "" {
			continue
		}
		want["callbacks.received mail.mode=test,mail.outcome=refused,mail.reason="+tc.told+",mail.vendor=printer"]++
		// Whoever guesses is not told that a secret was right.
		if tc.status == http.StatusUnauthorized && resp.Body != "callback refused: signature\n" {
			t.Errorf("%s: the sender is told %q", name, resp.Body)
		}
		if line := `"reason":"` + tc.told + `"`; !strings.Contains(log.text.String(), line) {
			t.Errorf("%s: the log does not say %s:\n%s", name, line, log.text.String())
		}
	}
	got := map[string]int64{}
	for k, n := range r.sums {
		if strings.Contains(k, "mail.outcome=refused") {
			got[k] = n
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
	for _, say := range []string{"set the clock", "compare this machine's clock", "compare the secret", "see that the proxy"} {
		if !strings.Contains(log.text.String(), say) {
			t.Errorf("the log does not say what to do, %q:\n%s", say, log.text.String())
		}
	}
	if n := store.puts.Load(); n != 1 {
		t.Errorf("%d were stored, want the signed one", n)
	}
}

// A vendor that was given another path than the receiver's is refused, and the owner
// is told which there are.
func TestWrongPathIsToldTheRightOnes(t *testing.T) {
	t.Parallel()
	store := newFaulty()
	p := schemePrinter{newPrinter(t)}
	var log counter
	mail := newClient(t, store, p.printer, logTo(&log))
	rx := receiver(t, mail, []callback.Endpoint{{Adapter: p, Name: "second", Secrets: []string{secret}}})
	if resp := post(rx, rawRequest("/callbacks/secnd", secret, []byte("[]"))); resp.StatusCode != http.StatusNotFound {
		t.Errorf("status %d, want 404", resp.StatusCode)
	}
	if say := "is to be second"; !strings.Contains(log.text.String(), say) {
		t.Errorf("the log does not say %q:\n%s", say, log.text.String())
	}
}
