package client_test

import (
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// A vendor that is configured in two places, as once for its contract and once for its
// callbacks, keeps what the first one said: a cap in money would count nothing else.
func TestVendorIsConfiguredInParts(t *testing.T) {
	t.Parallel()
	price := func(cents int64) client.VendorConfig {
		return client.VendorConfig{Price: func(*postproof.Job) int64 { return cents }}
	}
	alpha := newPress(t, "alpha", postproof.IdempotencyKey)
	for name, tt := range map[string]struct {
		parts []client.VendorConfig
		want  int64
	}{
		"the first is kept":   {[]client.VendorConfig{price(77), {FormerAccounts: []string{"0123456789abcdef"}}}, 77},
		"the second counts":   {[]client.VendorConfig{price(77), price(88)}, 88},
		"the order is theirs": {[]client.VendorConfig{{FormerAccounts: []string{"0123456789abcdef"}}, price(66)}, 66},
	} {
		var opts []client.Option
		for _, part := range tt.parts {
			opts = append(opts, client.WithVendor("alpha", part))
		}
		c, err := client.New(t.Context(), idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{alpha.adapter()}, opts...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if cents, known := c.Price("alpha", &postproof.Job{}); cents != tt.want || !known {
			t.Errorf("%s: the price is %d (known: %t), want %d", name, cents, known, tt.want)
		}
	}
}
