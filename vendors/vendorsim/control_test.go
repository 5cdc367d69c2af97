package vendorsim_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/vendorsim"
)

func TestControlPlane(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log.jsonl")
	b := setup(t, vendorsim.Config{PrintLog: log, Seed: 9})
	get := func(path string, into any) {
		t.Helper()
		a := b.do(t.Context(), "GET", "/_sim/"+path, nil, nil)
		if err := json.Unmarshal(a.raw, into); a.status != 200 || err != nil {
			t.Fatalf("%s: %d %s %v", path, a.status, a.raw, err)
		}
	}
	post := func(path, body string) int {
		return b.do(t.Context(), "POST", "/_sim/"+path, strings.NewReader(body), nil).status
	}
	var info vendorsim.Info
	get("info", &info)
	if info.Seed != 9 || info.PrintLog != log || len(info.Vendors) != 2 || info.Vendors[1].URL != "http://sim/pcm" ||
		len(info.Vendors[0].Credentials) != 2 || info.Vendors[0].Credentials[1].Mode != postproof.ModeLive || !info.Clock.Now.Equal(start()) {
		t.Errorf("info %+v", info)
	}
	b.lobAs("test_simlob", "POST", "/postcards", "", postcard("R"))
	prints := b.do(t.Context(), "GET", "/_sim/prints", nil, nil)
	var line vendorsim.PrintLine
	if err := json.Unmarshal(bytes.TrimSpace(prints.raw), &line); err != nil {
		t.Fatalf("%s: %v", prints.raw, err)
	}
	if line.Ref != "R" || line.Mode != postproof.ModeTest || line.Event != vendorsim.Printed || !line.Time.Equal(start()) {
		t.Errorf("print line %+v", line)
	}
	var stats vendorsim.Stats
	get("stats", &stats)
	if stats.Vendors["lob"].Accepted != 1 {
		t.Errorf("stats %+v", stats)
	}
	if got := post("outage", `{"vendor":"lob","kind":"error","on":true}`); got != 204 {
		t.Errorf("outage: %d", got)
	}
	if a := b.lob("GET", "/postcards", "", nil); a.status != 503 {
		t.Errorf("during the outage: %d", a.status)
	}
	for _, bad := range []string{`{"vendor":"x","kind":"error","on":true}`, `{"vendor":"lob","kind":"x"}`, `x`} {
		if got := post("outage", bad); got != 400 {
			t.Errorf("outage %s: %d", bad, got)
		}
	}
	if got := post("clock", `{"advance":"6h"}`); got != 200 {
		t.Errorf("advance: %d", got)
	}
	if got := b.clock.Now(); !got.Equal(start().Add(6 * time.Hour)) {
		t.Errorf("the clock shows %v", got)
	}
	if got := post("clock", `{"now":"2027-01-01T00:00:00Z","scale":0}`); got != 200 || b.clock.Now().Year() != 2027 {
		t.Errorf("set: %d %v", got, b.clock.Now())
	}
	fixed := setup(t, vendorsim.Config{Clock: postproof.SystemClock()})
	if a := fixed.do(t.Context(), "POST", "/_sim/clock", strings.NewReader(`{"advance":"1h"}`), nil); a.status != 409 {
		t.Errorf("a clock that cannot be moved: %d", a.status)
	}
}

// TestRecipientDigest fixes the normal form: others compute it, too.
func TestRecipientDigest(t *testing.T) {
	t.Parallel()
	const want = "3fea7654b92555a6"
	for _, parts := range [][5]string{
		{"210 KING ST", "APT 5", "SAN FRANCISCO", "CA", "94107"},
		{"  210  King\tSt ", "Apt 5", "san francisco", "ca", "94107-1741"},
	} {
		if got := vendorsim.RecipientDigest(parts[0], parts[1], parts[2], parts[3], parts[4]); got != want {
			t.Errorf("%q: %s, want %s", parts, got, want)
		}
	}
	if vendorsim.RecipientDigest("210 KING ST APT 5", "", "SAN FRANCISCO", "CA", "94107") == want {
		t.Error("the lines are not told apart")
	}
}
