package lob_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/adaptertest"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
	"github.com/postproof/postproof/vendors/vendortest"
)

func TestAdapter(t *testing.T) {
	t.Parallel()
	vendortest.Run(t, func(t *testing.T) vendortest.Harness {
		t.Helper()
		sim := simulator{adaptertest.Calling{Simulator: adaptertest.NewSimulator(t, "lob", vendorsim.Config{
			Lob: vendorsim.LobConfig{RateLimit: -1, TestTracking: true},
		})}}
		key := sim.Credential().Key
		adapter, err := lob.New(key, lob.WithBaseURL("https://lob.test/v1"), lob.WithUseType(lob.Marketing))
		if err != nil {
			t.Fatal(err)
		}
		return vendortest.Harness{
			Adapter: adapter, Simulator: sim, Secrets: []string{key},
			Refusal: func(status int) []byte {
				return fmt.Appendf(nil, `{"error":{"code":"invalid","status_code":%d,"message":"it is wrong"}}`, status)
			},
			Templates: postproof.TemplateIDs{Front: "tmpl_a1b2c3d4e5f6a7b", Back: "tmpl_b1b2c3d4e5f6a7b"}, Uploads: true,
		}
	})
}

// simulator is Lob with a webhook that also listens for what is no piece.
type simulator struct{ adaptertest.Calling }

// AccountCallback tells of an address, which this package never makes.
func (simulator) AccountCallback(secret string, at time.Time) (http.Header, []byte) {
	const body = `{"id":"evt_d95ff8ffd2b5cfb4","body":{"id":"adr_d3489cd64c791ab5","address_line1":"210 KING ST","object":"address"},` +
		`"reference_id":"adr_d3489cd64c791ab5","event_type":{"id":"address.created","resource":"addresses","object":"event_type"},` +
		`"date_created":"2026-03-02T15:00:00.000Z","object":"event"}`
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "." + body))
	return http.Header{"Lob-Signature": {hex.EncodeToString(mac.Sum(nil))}, "Lob-Signature-Timestamp": {stamp}}, []byte(body)
}
