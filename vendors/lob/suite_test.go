package lob_test

import (
	"testing"

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
		sim := adaptertest.Calling{Simulator: adaptertest.NewSimulator(t, "lob", vendorsim.Config{
			Lob: vendorsim.LobConfig{RateLimit: -1, TestTracking: true},
		})}
		key := sim.Credential().Key
		adapter, err := lob.New(key, lob.WithBaseURL("https://lob.test/v1"), lob.WithUseType(lob.Marketing))
		if err != nil {
			t.Fatal(err)
		}
		return vendortest.Harness{
			Adapter: adapter, Simulator: sim, Secrets: []string{key},
			Templates: postproof.TemplateIDs{Front: "tmpl_a1b2c3d4e5f6a7b", Back: "tmpl_b1b2c3d4e5f6a7b"}, Uploads: true,
		}
	})
}
