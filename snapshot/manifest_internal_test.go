package snapshot

import (
	"errors"
	"strings"
	"testing"
)

// A manifest that is whole in itself but speaks of other content must not pass
// under the id of the first.
func TestManifestOfOtherContent(t *testing.T) {
	t.Parallel()
	s, err := Take(t.Context(), CSV(strings.NewReader("id,name,address,city,state,zip\n1,Jo,1 Main St,Reno,NV,89501\n"), Mapping{}),
		Options{Campaign: "spring", Store: NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Manifest){
		"nothing":  func(*Manifest) {},
		"campaign": func(m *Manifest) { m.Campaign = "summer" },
		"rows":     func(m *Manifest) { m.Files[0].SHA256 = strings.Repeat("0", 64) },
		"rejects":  func(m *Manifest) { m.Files[1].Bytes++ },
		"rules":    func(m *Manifest) { m.Rules++ },
		"only id":  func(m *Manifest) { m.ID = ID(strings.Repeat("0", 64)) },
		"id":       func(m *Manifest) { m.Campaign = "summer"; m.ID = m.contentID() },
		"files":    func(m *Manifest) { m.Files = m.Files[:1]; m.ID = m.contentID() },
		"format":   func(m *Manifest) { m.Format++; m.ID = m.contentID() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := s.Manifest()
			change(&m)
			data, err := m.encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := decodeManifest(data, s.ID()); errors.Is(err, ErrCorrupt) == (name == "nothing") {
				t.Errorf("got %v", err)
			}
		})
	}
}
