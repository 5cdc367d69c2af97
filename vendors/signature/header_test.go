package signature_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof/vendors/signature"
)

const secretText = "a-secret-of-some-length"

// TestTimestampForms: 10 digits are seconds, 13 milliseconds, and nothing else
// is a time, though it was signed.
func TestTimestampForms(t *testing.T) {
	t.Parallel()
	timestamped := signature.TimestampedHMAC{Header: "Signature", TimestampHeader: "Timestamp"}
	packed := signature.PackedHMAC{Header: "Signature"}
	// An HMAC over the body alone signs "time.body" as the others do.
	raw := signature.HMAC{Header: "Signature"}
	for _, tt := range []struct {
		timestamp string
		reason    error
	}{
		{"1700000000", nil},
		{"1700000000000", nil},
		{"1700000299999", nil},
		{"1700000300001", signature.ErrFuture},
		{"1699999700000", nil},
		{"1699999699999", signature.ErrStale},
		{"1700000301", signature.ErrFuture},
		{"0000000000", signature.ErrStale},
		{"9999999999", signature.ErrFuture},
		{"9999999999999", signature.ErrFuture},
		{"170000000", signature.ErrMalformed},
		{"17000000000", signature.ErrMalformed},
		{"170000000000", signature.ErrMalformed},
		{"17000000000000", signature.ErrMalformed},
		{"1700000000.0", signature.ErrMalformed},
		{"+170000000", signature.ErrMalformed},
		{"-170000000", signature.ErrMalformed},
		{" 170000000", signature.ErrMalformed},
		{"170000000 ", signature.ErrMalformed},
		{"0x65536f00", signature.ErrMalformed},
		{"1_700_0000", signature.ErrMalformed},
		{"17e0000000", signature.ErrMalformed},
		{"１７０", signature.ErrMalformed},
		{"２０２６1", signature.ErrMalformed},
	} {
		h, err := raw.Sign([]byte(tt.timestamp+"."+string(small())), secretText)
		if err != nil {
			t.Fatal(err)
		}
		v, err := timestamped.NewVerifier(secretText)
		if err != nil {
			t.Fatal(err)
		}
		mac := h.Get("Signature")
		want(t, "in a header: "+tt.timestamp, v.Verify(with(h, "Timestamp", tt.timestamp), small(), signedAt()), tt.reason)
		if v, err = packed.NewVerifier(secretText); err != nil {
			t.Fatal(err)
		}
		want(t, "packed: "+tt.timestamp, v.Verify(with(h, "Signature", "t="+tt.timestamp+",v1="+mac), small(), signedAt()), tt.reason)
	}
}

// TestTimestampIsSignedAsReceived: the same moment written with other digits
// is another message.
func TestTimestampIsSignedAsReceived(t *testing.T) {
	t.Parallel()
	s := signature.TimestampedHMAC{Header: "Signature", TimestampHeader: "Timestamp"}
	v, err := s.NewVerifier(secretText)
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Sign(small(), signedAt(), secretText)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "seconds", v.Verify(h, small(), signedAt()), nil)
	want(t, "milliseconds", v.Verify(with(h, "Timestamp", h.Get("Timestamp")+"000"), small(), signedAt()), signature.ErrSignature)
}

// TestPackedHeader: what the list may look like.
func TestPackedHeader(t *testing.T) {
	t.Parallel()
	s := signature.PackedHMAC{Header: "Signature"}
	v, err := s.NewVerifier(secretText)
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Sign(small(), signedAt(), secretText)
	if err != nil {
		t.Fatal(err)
	}
	value := h.Get("Signature")
	timestamp, mac, _ := strings.Cut(value, ",")
	other := "v1=" + strings.Repeat("0", 64)
	repeat := func(n int) string { return strings.Repeat(","+other, n) }
	for _, tt := range []struct {
		value  string
		reason error
	}{
		{value, nil},
		{mac + "," + timestamp, nil},
		{value + ",v0=00", nil},
		{"v0=1700000000," + value, nil},
		{value + ",v2=", nil},
		{value + ",=", nil},
		{timestamp + "," + other + "," + mac, nil},
		{timestamp + "," + mac + "," + other, nil},
		{timestamp + "," + other, signature.ErrSignature},
		{timestamp + ",v1=", signature.ErrSignature},
		{timestamp + repeat(15) + "," + mac, nil},
		{timestamp + repeat(16) + "," + mac, signature.ErrMalformed},
		{timestamp + "," + mac + repeat(15), nil},
		{timestamp + "," + mac + repeat(16), signature.ErrMalformed},
		{timestamp + repeat(17), signature.ErrMalformed},
		{mac + repeat(16) + "," + timestamp, signature.ErrMalformed},
		{value + strings.Repeat(",v0=00", 15), nil},
		{value + strings.Repeat(",v0=00", 16), signature.ErrMalformed},
		{value + strings.Repeat(",", 1000), signature.ErrMalformed},
		{timestamp, signature.ErrMalformed},
		{mac, signature.ErrMalformed},
		{timestamp + "," + value, signature.ErrMalformed},
		{value + "," + timestamp, signature.ErrMalformed},
		{"t=," + value, signature.ErrMalformed},
		{"t=," + mac, signature.ErrMalformed},
		{timestamp + ", " + mac, signature.ErrMalformed},
		{timestamp + ",V1=" + mac[3:], signature.ErrMalformed},
		{timestamp + ";" + mac, signature.ErrMalformed},
		{timestamp + ",v0=" + mac[3:], signature.ErrMalformed},
		{timestamp + "," + strings.ToUpper(mac[:2]) + mac[2:], signature.ErrMalformed},
		{timestamp + ",v1=" + strings.ToUpper(mac[3:]), signature.ErrSignature},
		{",", signature.ErrMalformed},
		{"=", signature.ErrMalformed},
		{value + ",", signature.ErrMalformed},
		{"," + value, signature.ErrMalformed},
	} {
		want(t, tt.value, v.Verify(with(h, "Signature", tt.value), small(), signedAt()), tt.reason)
	}
}

// TestStandardHeader: what the list of signatures may look like.
func TestStandardHeader(t *testing.T) {
	t.Parallel()
	var s signature.StandardWebhooks
	first, second := "whsec_"+strings.Repeat("A", 32), "whsec_"+strings.Repeat("B", 32)
	v, err := s.NewVerifier(first)
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Sign("msg_1", small(), signedAt(), second, first)
	if err != nil {
		t.Fatal(err)
	}
	other, good, ok := strings.Cut(h.Get("Webhook-Signature"), " ")
	if !ok {
		t.Fatalf("signed with two secrets: %v", h)
	}
	asymmetric := "v1a," + base64.StdEncoding.EncodeToString(large(64))
	for _, tt := range []struct {
		value  string
		reason error
	}{
		{other + " " + good, nil},
		{good + " " + other, nil},
		{good + " v2,future", nil},
		{asymmetric + " " + good, nil},
		{good + " ,", nil},
		{other, signature.ErrSignature},
		{asymmetric, signature.ErrSignature},
		{"v1,", signature.ErrSignature},
		{"v1a," + good[3:], signature.ErrSignature},
		{strings.Repeat(other+" ", 15) + good, nil},
		{strings.Repeat(other+" ", 16) + good, signature.ErrMalformed},
		{good + strings.Repeat(" "+other, 16), signature.ErrMalformed},
		{good + strings.Repeat(" v2,x", 16), signature.ErrMalformed},
		{"v2" + good[2:], signature.ErrMalformed},
		{"V1" + good[2:], signature.ErrMalformed},
		{good[3:], signature.ErrMalformed},
		{good + "  " + other, signature.ErrMalformed},
		{good + "," + other, signature.ErrSignature},
		{strings.TrimRight(good, "="), signature.ErrSignature},
	} {
		want(t, tt.value, v.Verify(with(h, "Webhook-Signature", tt.value), small(), signedAt()), tt.reason)
	}
	for _, timestamp := range []string{"1700000000000", "170000000", "17000000000", "x", "-170000000", "1700000000.5"} {
		want(t, timestamp, v.Verify(with(h, "Webhook-Timestamp", timestamp), small(), signedAt()), signature.ErrMalformed)
	}
}

// TestStandardIDCannotBeShifted: "a.1700000001" + "1700000001.x" and the like
// would sign the same bytes with another id, time and body.
func TestStandardIDCannotBeShifted(t *testing.T) {
	t.Parallel()
	var s signature.StandardWebhooks
	secret := "whsec_" + strings.Repeat("A", 32)
	v, err := s.NewVerifier(secret)
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Sign("a", []byte("1700000001.x"), signedAt(), secret)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "as it came", v.Verify(h, []byte("1700000001.x"), signedAt()), nil)
	shifted := with(with(h, "Webhook-Id", "a.1700000000"), "Webhook-Timestamp", "1700000001")
	want(t, "shifted", v.Verify(shifted, []byte("x"), signedAt()), signature.ErrMalformed)
}

// TestBothVersions: a receiver with both kinds of keys accepts either
// signature.
func TestBothVersions(t *testing.T) {
	t.Parallel()
	var s signature.StandardWebhooks
	var symmetric, asymmetric scheme
	for _, sch := range schemes() {
		switch sch.name {
		case "StandardWebhooks v1":
			symmetric = sch
		case "StandardWebhooks v1a":
			asymmetric = sch
		}
	}
	shared, _ := symmetric.keys(1)
	public, private := asymmetric.keys(1)
	_, stranger := asymmetric.keys(2)
	v, err := s.NewVerifier(shared, public)
	if err != nil {
		t.Fatal(err)
	}
	for what, tt := range map[string]struct {
		secrets []string
		reason  error
	}{
		"v1": {[]string{shared}, nil}, "v1a": {[]string{private}, nil}, "both": {[]string{shared, private}, nil},
		"v1a of a stranger": {[]string{stranger}, signature.ErrSignature}, "stranger first": {[]string{stranger, private}, nil},
	} {
		h, err := s.Sign("msg_1", small(), signedAt(), tt.secrets...)
		if err != nil {
			t.Fatal(err)
		}
		want(t, what, v.Verify(h, small(), signedAt()), tt.reason)
	}
}

// TestLongHeaders: a header of any length is refused, or accepted, and the
// next callback finds nothing of it.
func TestLongHeaders(t *testing.T) {
	t.Parallel()
	var s signature.StandardWebhooks
	secret := "whsec_" + strings.Repeat("A", 32)
	v, err := s.NewVerifier(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 1 << 10, 1 << 20, 1} {
		h, err := s.Sign(strings.Repeat("i", n), small(), signedAt(), secret)
		if err != nil {
			t.Fatal(err)
		}
		want(t, fmt.Sprintf("id of %d", n), v.Verify(h, small(), signedAt()), nil)
	}
	hm, err := signature.HMAC{Header: "Signature"}.NewVerifier(secretText)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "long signature", hm.Verify(http.Header{"Signature": {string(large(1 << 20))}}, small(), time.Time{}), signature.ErrMalformed)
}
