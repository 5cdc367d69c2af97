package lob_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/signature"
)

const webhookSecret = "whsec-0123456789abcdef"

// TestVerifier computes Lob's signature by hand, with its time in both of the
// units that are seen.
func TestVerifier(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	body := []byte(`{"id":"evt_1"}`)
	header := func(stamp string) http.Header {
		mac := hmac.New(sha256.New, []byte(webhookSecret))
		mac.Write([]byte(stamp + "." + string(body)))
		return http.Header{"Lob-Signature": {hex.EncodeToString(mac.Sum(nil))}, "Lob-Signature-Timestamp": {stamp}}
	}
	for _, test := range []struct {
		name  string
		opts  []lob.Option
		after time.Duration
		want  error
	}{
		{"at once", nil, 0, nil},
		{"in time", nil, 4 * time.Minute, nil},
		{"too late", nil, 6 * time.Minute, signature.ErrStale},
		{"too early", nil, -6 * time.Minute, signature.ErrFuture},
		{"late and tolerated", []lob.Option{lob.WithCallbackTolerance(time.Hour)}, 59 * time.Minute, nil},
		{"too late for that, too", []lob.Option{lob.WithCallbackTolerance(time.Hour)}, 61 * time.Minute, signature.ErrStale},
	} {
		v, err := newAdapter(t, test.opts...).NewVerifier("another-secret-0123456789", webhookSecret)
		if err != nil {
			t.Fatal(err)
		}
		for _, stamp := range []string{strconv.FormatInt(at.Unix(), 10), strconv.FormatInt(at.UnixMilli(), 10)} {
			if err := v.Verify(header(stamp), body, at.Add(test.after)); !errors.Is(err, test.want) {
				t.Errorf("%s, signed at %s: %v, want %v", test.name, stamp, err, test.want)
			}
		}
	}
	if _, err := lob.New(testKey, lob.WithCallbackTolerance(-1)); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
		t.Errorf("a negative tolerance: %v", err)
	}
}
