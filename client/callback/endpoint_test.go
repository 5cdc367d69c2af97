package callback_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

func TestSecretsRotateWithoutAGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, memory(), newPrinter(t))
	try := func(id, with string) int {
		return post(w.rx, request(t, "/printer", with, note{ID: id, Piece: "x", Status: "mailed"})).StatusCode
	}
	set := func(secrets ...string) {
		t.Helper()
		if err := w.rx.SetSecrets("printer", "", secrets...); err != nil {
			t.Fatal(err)
		}
	}
	got := []int{try("1", secret), try("2", secret2)}
	set(secret, secret2)
	got = append(got, try("3", secret), try("4", secret2))
	set(secret2)
	got = append(got, try("5", secret), try("6", secret2))
	if diff := cmp.Diff([]int{200, 401, 200, 200, 401, 200}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	for name, err := range map[string]error{
		"none": w.rx.SetSecrets("printer", ""), "short": w.rx.SetSecrets("printer", "", "short"),
		"no such route": w.rx.SetSecrets("press", "", secret), "no such account": w.rx.SetSecrets("printer", "x", secret),
	} {
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v, want an error without the secret", name, err)
		}
	}
	if try("7", secret2) != 200 {
		t.Error("a failed rotation took the old secret away")
	}
}

func TestWrongEndpointsAreRefusedWithWhatToDo(t *testing.T) {
	t.Parallel()
	p := newPrinter(t)
	other := newPrinter(t)
	other.key = "another"
	polled := newPrinter(t, func(c *postproof.Capabilities) { c.Callbacks.Auth = postproof.CallbackNone })
	open := newPrinter(t, func(c *postproof.Capabilities) { c.Callbacks.Auth = postproof.CallbackUnsigned })
	c := newClient(t, memory(), p)
	for name, tc := range map[string]struct {
		endpoints []callback.Endpoint
		opts      []callback.Option
		say       string
	}{
		"none":             {say: "give one for each account"},
		"no adapter":       {endpoints: []callback.Endpoint{{Secrets: []string{secret}}}, say: "no adapter"},
		"no secret":        {endpoints: []callback.Endpoint{{Adapter: p}}, say: "dashboard"},
		"empty":            {endpoints: []callback.Endpoint{{Adapter: p, Secrets: []string{secret, ""}}}, say: "secret 1 for printer is empty: is the variable set"},
		"short":            {endpoints: []callback.Endpoint{{Adapter: p, Secrets: []string{"short"}}}, say: "secret 0 has 5 characters"},
		"line break":       {endpoints: []callback.Endpoint{{Adapter: p, Secrets: []string{secret + "\n"}}}, say: "cut it off"},
		"polled":           {endpoints: []callback.Endpoint{{Adapter: polled, Secrets: []string{secret}}}, say: "sends no callbacks"},
		"short token":      {endpoints: []callback.Endpoint{{Adapter: open, Secrets: []string{"token"}}}, say: "random bytes"},
		"path in a token":  {endpoints: []callback.Endpoint{{Adapter: open, Secrets: []string{"3q2+7w/AAECAwQFBgcICQoLDA0ODw"}}}, say: "does not carry"},
		"no token":         {endpoints: []callback.Endpoint{{Adapter: open}}, say: "the URL that ends in it"},
		"twice":            {endpoints: []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}, {Adapter: p, Name: "two", Secrets: []string{secret2}}}, say: "all its secrets"},
		"one secret":       {endpoints: []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}, {Adapter: other, Secrets: []string{secret}}}, say: "told apart"},
		"bad name":         {endpoints: []callback.Endpoint{{Adapter: p, Name: "a/b", Secrets: []string{secret}}}, say: "path"},
		"lease":            {endpoints: []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}}, opts: []callback.Option{callback.WithLease(time.Second)}, say: "WithLease"},
		"negative":         {endpoints: []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}}, opts: []callback.Option{callback.WithRetention(-1)}, say: "WithRetention: -1ns is negative"},
		"no bodies at all": {endpoints: []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}}, opts: []callback.Option{callback.WithBodies(-1)}, say: "WithBodies"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := callback.New(c, tc.endpoints, tc.opts...)
			if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), tc.say) {
				t.Errorf("error %v, want one that says %q", err, tc.say)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error holds a secret: %v", err)
			}
		})
	}
}

// A client whose error was not looked at is no client.
func TestNoClientIsSaid(t *testing.T) {
	t.Parallel()
	_, err := callback.New(nil, []callback.Endpoint{{Adapter: newPrinter(t), Secrets: []string{secret}}})
	if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), "the error of client.New") {
		t.Errorf("error %v", err)
	}
}

// Two accounts share a URL, one of them of the test environment: their secrets
// tell them apart, and only the ledger's own account and mode count.
func TestOtherAccountsAndModesAreIgnored(t *testing.T) {
	t.Parallel()
	p := newPrinter(t)
	live := newPrinter(t)
	live.mode, live.key = postproof.ModeLive, "live"
	foreign := newPrinter(t)
	foreign.key = "foreign"
	w := &world{store: memory(), p: p}
	w.mail = newClient(t, w.store, p)
	w.rx = receiver(t, w.mail, []callback.Endpoint{
		{Adapter: live, Secrets: []string{secret2}}, {Adapter: p, Secrets: []string{secret}}, {Adapter: foreign, Secrets: []string{"whsec-of-another-account-0003"}},
	})
	o := w.mailed(t, "a")
	sendTo(t, w.rx, 200, request(t, "/printer", secret2, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "delivered"}))
	sendTo(t, w.rx, 200, request(t, "/printer", "whsec-of-another-account-0003", note{ID: "2", Piece: o.ID, Ref: o.Ref, Status: "delivered"}))
	sendTo(t, w.rx, 200, request(t, "/printer", secret, note{ID: "3", Piece: o.ID, Ref: o.Ref, Status: "delivered", Mode: "live"}))
	sendTo(t, w.rx, 200, request(t, "/printer", secret, note{ID: "4", Piece: o.ID, Ref: o.Ref, Status: "mailed", Mode: "test"}))
	w.drain(t)
	if s := w.status(t, "a").Status.Stage; s != postproof.StageMailed {
		t.Errorf("the piece is %s, want mailed: the others say nothing of it", s)
	}
	var states []idempotency.MessageState
	for _, m := range w.messages(t) {
		states = append(states, m.State)
	}
	want := []idempotency.MessageState{"ignored", "ignored", "ignored", "applied"}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}
