package snapshot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A manifest that is whole in itself but speaks of other content must not pass
// under the id of the first.
func TestManifestOfOtherContent(t *testing.T) {
	t.Parallel()
	s, err := Take(t.Context(), CSV(strings.NewReader("id,name,address,city,state,zip\n1,Jo,1 Main St,Reno,NV,89501\n"), Mapping{}),
		Options{Campaign: "spring", Store: NewMemory(), OnePerAddress: true, Suppress: []Suppression{{List: NewSuppressionList(nil, nil)}}})
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
		"lists":    func(m *Manifest) { m.Suppressed = []Code{CodeMailedRecently} },
		"no lists": func(m *Manifest) { m.Suppressed = nil },
		"houses":   func(m *Manifest) { m.OnePerAddress = false },
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

// The id is made of the files, and they begin with the names of their columns. A
// manifest that gives the columns other names, and is whole in itself, would put one
// person's amount in the place of another number.
func TestManifestOfOtherColumns(t *testing.T) {
	t.Parallel()
	list := "id,name,address,city,state,zip,amount,limit\n1,Jo,1 Main St,Reno,NV,89501,100,5000\n2,,1 Main St,Reno,NV,89501,7,8\n"
	for name, change := range map[string]func(*Manifest){
		"nothing": func(*Manifest) {},
		"swapped": func(m *Manifest) { m.Columns[0], m.Columns[1] = m.Columns[1], m.Columns[0] },
		"renamed": func(m *Manifest) { m.Columns[1] = "discount" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			store, err := OpenFolder(dir)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Take(t.Context(), CSV(strings.NewReader(list), Mapping{}), Options{Campaign: "spring", Store: store, Columns: []string{"amount", "limit"}})
			if err != nil {
				t.Fatal(err)
			}
			m := s.Manifest()
			change(&m)
			data, err := m.encode()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, string(s.ID()), manifestFile)
			if err := errors.Join(os.Remove(path), os.WriteFile(path, data, fileMode)); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), store, s.ID()); errors.Is(err, ErrCorrupt) == (name == "nothing") {
				t.Errorf("Open = %v", err)
			}
			changed := newSnapshot(m, store) // whoever has opened it before it was changed
			for _, err := range changed.Rows(t.Context()) {
				if errors.Is(err, ErrCorrupt) == (name == "nothing") {
					t.Errorf("rows: %v", err)
				}
			}
			for _, err := range changed.Rejects(t.Context()) {
				if errors.Is(err, ErrCorrupt) == (name == "nothing") {
					t.Errorf("rejects: %v", err)
				}
			}
		})
	}
}
