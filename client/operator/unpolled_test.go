package operator_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// Pieces that nobody can ask for need a person: the first screen says how
// many, where, and what to do.
func TestStatusTellsOfPiecesThatNobodyAsksFor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		setting, reason string
		want            []string
	}{
		"another account": {"hint/alpha/0123456789abcdef/poll", "another account", []string{
			"not asked for: 3 pieces of account 0123", "3 pieces of alpha cannot be asked for", "worker-1 has no credentials", "FormerAccounts",
		}},
		"no adapter": {"hint/alpha//poll", "no adapter", []string{
			"not asked for: 3 pieces\n", "3 pieces of alpha cannot be asked for: worker-1 has no adapter",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{newPrinter(t, "alpha")})
				now := time.Now().UTC()
				value := fmt.Sprintf(`{"v":1,"reason":%q,"at":%q,"until":%q,"by":"worker-1","pieces":3}`, tc.reason, now.Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339))
				if err := idempotency.CommitOne(t.Context(), w.store, idempotency.Change{Settings: []idempotency.SettingWrite{{Name: tc.setting, Value: []byte(value)}}}); err != nil {
					t.Fatal(err)
				}
				out := flat(w.must(t, operator.ExitNeedsPerson, "status")) + "\n"
				for _, want := range tc.want {
					if !strings.Contains(out, want) {
						t.Errorf("status does not say %q:\n%s", want, out)
					}
				}
			})
		})
	}
}
