package weight_test

import "testing"

// TestDocsRules: what is not in the tree is found, in every form in which a page
// names things.
func TestDocsRules(t *testing.T) {
	t.Parallel()
	all := theTree(t)
	for _, tt := range []struct{ good, bad string }{
		{"client", "clients"},
		{"client/callback", "client/callbacks"},
		{"adapter", "adaptor"},
		{"docs/adapters.md", "docs/adaptors.md"},
		{"internal/tools/go.mod", "internal/tools/go.work"},
		{".ci/run", ".ci/walk"},
		{"Held", "Heldd"},
		{"held", "heldd"},
		{"cannot_ask_vendor", "cannot_ask_vendors"},
		{"live_…", "alive_…"},
		{"mail.db-epoch", "mail.db-epic"},
		{"PAPER AT RISK", "PAPER IN DANGER"},
		{"client.WithVendor", "client.WithPrinter"},
		{"vendors.Adapter", "vendors.adapter"},
		{"callback.Endpoint.Secrets", "callback.Endpoint.Secret"},
		{"Capabilities.Supports", "Capabilities.Support"},
		{"*postproof.Error", "*postproof.Errors"},
		{"mail.Run(ctx)", "mail.Runn(ctx)"},
		{`lob.WithAccount("main")`, `lob.WithAccounts("main")`},
		{"Callbacks: true", "Callbackz: true"},
		{"TestEveryRuleIsNeeded", "TestSomeRuleIsNeeded"},
		{"-why", "-wherefore"},
		{"-expect 120", "-expected 120"},
		{"tally", "talley"},
		{"LOB_FORMER_ACCOUNTS", "LOB_FORMER_ACCOUNT"},
		{"PCM_…", "PMC_…"},
		{"POSTPROOF_TEST_REQUIRE=1", "POSTPROOF_TEST_REQUIRED=1"},
		{"POSTPROOF_TEST_<VENDOR>_KEY", "POSTPROOF_TRY_<VENDOR>_KEY"},
		{"make figures", "make figure"},
		{"make fuzz FUZZTIME=10m", "make fuzz FUZZYTIME=10m"},
		{"go run ./internal/sim -list", "go run ./internal/sim -lists"},
		{"go run ./client/cmd/postproof -store mail.db", "go run ./client/cmd/postprof -store mail.db"},
		{"go run ./client/cmd/postproof -why no", "go run ./client/cmd/postproof -wy no"},
		{"go run github.com/postproof/postproof/client/cmd/postproof -why no", "go run github.com/postproof/postproof/client/cmd/postproof -wy no"},
		{"go test ./internal/weight", "go test ./internal/wait"},
		{"go test -run 'Model|Explore' ./idempotency", "go test -run 'Model|Exploore' ./idempotency"},
		{"go install github.com/postproof/postproof/client/cmd/postproof@latest", "go install github.com/postproof/postproof/cmd/postproof@latest"},
	} {
		if reason := all.span(".", tt.good); reason != "" {
			t.Errorf("`%s`: %s", tt.good, reason)
		}
		if all.span(".", tt.bad) == "" {
			t.Errorf("`%s` passes", tt.bad)
		}
	}
	for _, tt := range []struct{ good, bad string }{
		{"snap, err := snapshot.Take(ctx, src, snapshot.Options{Campaign: name})", "snap, err := snapshot.Take(ctx, src, snapshot.Options{Drop: name})"},
		{"sim, err := f()\nsim.Prints()", "sim, err := f()\nsim.Printz()"},
		{"var _ vendors.Adapter", "var _ vendors.Adaptor"},
		{"import \"github.com/postproof/postproof/vendors\"", "import \"github.com/postproof/postproof/vendor\""},
		{"go rx.Run(ctx)", "go rx.Run(ctx"},
	} {
		if reasons := all.goBlock(tt.good); len(reasons) > 0 {
			t.Errorf("%s: %s", tt.good, reasons)
		}
		if len(all.goBlock(tt.bad)) == 0 {
			t.Errorf("%s: it passes", tt.bad)
		}
	}
	for _, tt := range []struct{ good, bad string }{
		{"export POSTPROOF_STORE=mail.db # the ledger", "export POSTPROOF_STORES=mail.db"},
		{"vendorsim -dir /tmp/night -scale 3600 >/dev/null &", "vendorsim -dirs /tmp/night"},
		{"timeout -s KILL 6 campaign -faults outage", "timeout -s KILL 6 campaign -fault outage"},
	} {
		if reasons := all.shellBlock(tt.good); len(reasons) > 0 {
			t.Errorf("%s: %s", tt.good, reasons)
		}
		if len(all.shellBlock(tt.bad)) == 0 {
			t.Errorf("%s: it passes", tt.bad)
		}
	}
	for good, bad := range map[string]string{
		"adapters.md": "adaptors.md", "../CONTRIBUTING.md#adding-a-vendor": "../CONTRIBUTING.md#adding-vendors", "https://example.com/": "#nowhere",
	} {
		if reason := broken("docs/operating.md", good); reason != "" {
			t.Errorf("%s: %s", good, reason)
		}
		if broken("docs/operating.md", bad) == "" {
			t.Errorf("%s passes", bad)
		}
	}
}
