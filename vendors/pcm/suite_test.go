package pcm_test

import (
	"fmt"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/adaptertest"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/vendorsim"
	"github.com/postproof/postproof/vendors/vendortest"
)

func TestAdapter(t *testing.T) {
	t.Parallel()
	vendortest.Run(t, func(t *testing.T) vendortest.Harness {
		t.Helper()
		sim := adaptertest.NewSimulator(t, "pcm", vendorsim.Config{
			// Sandbox orders never go to press, so that they could always be canceled.
			PCM: vendorsim.PCMConfig{ProcessSandbox: true},
		})
		pair := sim.Credential()
		adapter, err := pcm.New(pair.Key, pair.Secret, pair.Mode, pcm.WithBaseURL("https://pcm.test"), pcm.WithClock(sim.Clock))
		if err != nil {
			t.Fatal(err)
		}
		return vendortest.Harness{
			Adapter: adapter, Simulator: sim, Secrets: []string{pair.Key, pair.Secret},
			Refusal: func(status int) []byte {
				return fmt.Appendf(nil, `{"error":{"code":%d,"message":"it is wrong","data":[]}}`, status)
			},
			Templates: postproof.TemplateIDs{Front: "1"},
		}
	})
}
