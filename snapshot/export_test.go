package snapshot_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/snapshot"
)

func export(t *testing.T, s *snapshot.Snapshot) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := snapshot.Export(t.Context(), s, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestExport(t *testing.T) {
	t.Parallel()
	for name, above := range map[string]int64{"plain": -1, "compressed": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := take(t, smallList, snapshot.Options{CompressAbove: above})
			data := export(t, s)
			if !bytes.Equal(data, export(t, s)) {
				t.Error("two exports of one snapshot differ")
			}
			opened, err := snapshot.OpenExport(t.Context(), bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(s.Manifest(), opened.Manifest()); diff != "" {
				t.Errorf("manifest (-taken +opened):\n%s", diff)
			}
			if diff := cmp.Diff(rows(t, s), rows(t, opened)); diff != "" {
				t.Errorf("rows (-taken +opened):\n%s", diff)
			}
			if diff := cmp.Diff(len(rejects(t, s)), len(rejects(t, opened))); diff != "" {
				t.Errorf("rejects (-taken +opened):\n%s", diff)
			}
			z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, f := range z.File {
				names = append(names, strings.TrimSuffix(f.Name, ".gz"))
			}
			if diff := cmp.Diff([]string{"rows.csv", "rejects.csv", "manifest.json"}, names); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

// A changed byte of the zip file is found, or changes nothing that is read.
func TestExportDamage(t *testing.T) {
	t.Parallel()
	s := take(t, smallList, snapshot.Options{})
	data := export(t, s)
	want, wantRejects := rows(t, s), len(rejects(t, s))
	found := 0
	for at := range data {
		for _, mask := range []byte{0, 0x21} {
			bad := bytes.Clone(data)
			if mask == 0 {
				bad = bad[:at]
			} else {
				bad[at] ^= mask
			}
			opened, err := snapshot.OpenExport(t.Context(), bytes.NewReader(bad), int64(len(bad)))
			if err != nil {
				if !errors.Is(err, snapshot.ErrCorrupt) {
					t.Errorf("byte %d, mask %#x: %v, want ErrCorrupt", at, mask, err)
				}
				found++
				continue
			}
			if mask == 0 {
				t.Errorf("cut off at byte %d, it opens", at)
			}
			if diff := cmp.Diff(want, rows(t, opened)); diff != "" || len(rejects(t, opened)) != wantRejects {
				t.Errorf("byte %d, mask %#x: it opens with other rows", at, mask)
			}
		}
	}
	if found < len(data) {
		t.Errorf("%d changes of %d bytes were found", found, len(data))
	}
}

// What the store has lost meanwhile is not exported as if it were whole.
func TestExportVerifies(t *testing.T) {
	t.Parallel()
	for _, above := range []int64{-1, 1} {
		memory := snapshot.NewMemory()
		taken := take(t, smallList, snapshot.Options{Store: memory, CompressAbove: above})
		for _, file := range []string{"manifest.json", stored("rows.csv", above), stored("rejects.csv", above)} {
			changed := false
			s, err := snapshot.Open(t.Context(), switching{memory, flipping{memory, file, 20, 0x01}, &changed}, taken.ID())
			if err != nil {
				t.Fatal(err)
			}
			changed = true
			if err := snapshot.Export(t.Context(), s, io.Discard); !errors.Is(err, snapshot.ErrCorrupt) || !strings.Contains(err.Error(), file) {
				t.Errorf("%s: got %v, want ErrCorrupt that names the file", file, err)
			}
		}
	}
}

func stored(name string, above int64) string {
	if above > 0 {
		return name + ".gz"
	}
	return name
}
