package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	// formatVersion is the version of the frozen files; erasedFormat that of
	// snapshots of which rows were erased: a version that does not know of that
	// cannot read them.
	formatVersion = 1
	erasedFormat  = 2
)

// ID names a snapshot by its content: a SHA-256 as 64 lower-case hexadecimal
// digits. It says nothing about a recipient and may stand in logs.
type ID string

// Valid reports whether the id has the form of one.
func (id ID) Valid() bool {
	if len(id) != 2*sha256.Size {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Manifest says what a snapshot is made of. It holds no personal data, as
// long as Campaign and Source do not.
type Manifest struct {
	// Format is the version of the frozen files, Rules the one of the checks.
	Format int `json:"format"`
	Rules  int `json:"rules"`
	// ID is the SHA-256 over Format, Rules, Campaign, the digests of the rows and
	// the rejects as they are uncompressed, what the snapshot replaces, and
	// Suppressed and OnePerAddress, which bind corrections also where they rejected
	// nobody; nothing else of the manifest is part of it.
	ID       ID     `json:"id"`
	Campaign string `json:"campaign"`
	// Source is the name given to the source; Mapping its columns.
	Source  string  `json:"source"`
	Mapping Mapping `json:"mapping"`
	// Encoding and Separator are what a CSV file was read as.
	Encoding  Encoding `json:"encoding,omitempty"`
	Separator string   `json:"separator,omitempty"`
	// Columns are the further columns that are frozen with the rows.
	Columns []string `json:"columns,omitempty"`
	// Segment says which rows of the list were meant.
	Segment Predicate `json:"segment,omitzero"`
	// Base is the snapshot whose rejects were corrected to make this one.
	Base ID `json:"base,omitempty"`
	// Replaces are the snapshots of which rows were erased to make this one, the
	// first one first, and Erased the digests of these rows ([RowDigest]); see
	// [Erase].
	Replaces []ID     `json:"replaces,omitempty"`
	Erased   []string `json:"erased,omitempty"`
	// TakenAt is when the snapshot was first taken, in UTC.
	TakenAt time.Time `json:"taken_at"`
	// Vendors are the vendors against whose limits the rows were checked.
	Vendors []string `json:"vendors,omitempty"`
	Counts  Counts   `json:"counts"`
	// Suppressed are the codes of the lists of whom not to mail that were asked,
	// each once, sorted.
	Suppressed []Code `json:"suppressed,omitempty"`
	// OnePerAddress is as in [Options].
	OnePerAddress bool `json:"one_per_address,omitempty"`
	// Findings counts errors and warnings by their code.
	Findings map[Code]int `json:"findings,omitempty"`
	// Files are rows.csv and rejects.csv, in this order.
	Files []File `json:"files"`
	// Digest is the SHA-256 of this manifest with an empty Digest.
	Digest string `json:"digest"`
}

// Counts are numbers of rows. Read = Accepted + Rejected + Outside + Erased.
type Counts struct {
	Read int `json:"read"`
	// Outside is the number of rows that the segment does not mean. They are
	// not kept.
	Outside  int `json:"outside,omitempty"`
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
	// Warned is the number of accepted rows with warnings.
	Warned int `json:"warned"`
	// Erased is the number of rows that were erased since.
	Erased int `json:"erased,omitempty"`
}

func (c *Counts) add(o Counts) {
	c.Read += o.Read
	c.Outside += o.Outside
	c.Accepted += o.Accepted
	c.Rejected += o.Rejected
	c.Warned += o.Warned
}

// File is a frozen file.
type File struct {
	// Name is the file's name in the snapshot's folder, without the ".gz" that
	// it has there when Gzip is set.
	Name string `json:"name"`
	// Bytes is its length, uncompressed.
	Bytes int64 `json:"bytes"`
	// Blocks are the SHA-256 of each 256 KiB, uncompressed, the last one of the
	// rest, so that a reader can verify what it hands out before it hands it
	// out. SHA256 is the digest of these digests, as bytes, one behind the other.
	SHA256 string   `json:"sha256"`
	Blocks []string `json:"blocks"`
	// Gzip says how the file is kept, when it is compressed.
	Gzip *Gzip `json:"gzip,omitempty"`
}

// Gzip is a file as it is kept compressed.
type Gzip struct {
	// Bytes is its length; SHA256 its digest, as sha256sum prints it.
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// stored returns the file's name in the store.
func (f *File) stored() string {
	if f.Gzip != nil {
		return f.Name + packedSuffix
	}
	return f.Name
}

// root computes SHA256.
func (f *File) root() string {
	h := sha256.New()
	for _, b := range f.Blocks {
		sum, err := hex.DecodeString(b)
		if err != nil {
			return ""
		}
		h.Write(sum)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// clone returns a copy that shares nothing.
func (m *Manifest) clone() Manifest {
	c := *m
	c.Vendors = slices.Clone(m.Vendors)
	c.Columns = slices.Clone(m.Columns)
	c.Suppressed = slices.Clone(m.Suppressed)
	c.Segment = m.Segment.clone()
	c.Replaces, c.Erased = slices.Clone(m.Replaces), slices.Clone(m.Erased)
	c.Findings = maps.Clone(m.Findings)
	c.Files = slices.Clone(m.Files)
	for i := range c.Files {
		c.Files[i].Blocks = slices.Clone(c.Files[i].Blocks)
		if z := c.Files[i].Gzip; z != nil {
			packed := *z
			c.Files[i].Gzip = &packed
		}
	}
	return c
}

// contentID computes the id. Text stands behind its length, so that no
// campaign can imitate the lines that follow it.
func (m *Manifest) contentID() ID {
	h := sha256.New()
	fmt.Fprintf(h, "postproof snapshot %d\nrules %d\ncampaign %d:%s\n", m.Format, m.Rules, len(m.Campaign), m.Campaign)
	for i := range m.Files {
		f := &m.Files[i]
		fmt.Fprintf(h, "file %s %d %s\n", f.Name, f.Bytes, f.SHA256)
	}
	for _, id := range m.Replaces {
		fmt.Fprintf(h, "replaces %s\n", id)
	}
	for _, code := range m.Suppressed {
		fmt.Fprintf(h, "suppressed %d:%s\n", len(code), code)
	}
	if m.OnePerAddress {
		fmt.Fprint(h, "one per address\n")
	}
	return ID(hex.EncodeToString(h.Sum(nil)))
}

// siblings returns the ids that the same rows have under every choice of lists and
// of one piece an address.
func (m *Manifest) siblings() []ID {
	var ids []ID
	c := *m
	for _, lists := range [][]Code{nil, {CodeDoNotMail}, {CodeMailedRecently}, {CodeDoNotMail, CodeMailedRecently}} {
		for _, one := range []bool{false, true} {
			c.Suppressed, c.OnePerAddress = lists, one
			ids = append(ids, c.contentID())
		}
	}
	return ids
}

// encode returns the bytes of manifest.json and fills in the digest.
func (m *Manifest) encode() ([]byte, error) {
	m.Digest = ""
	bare, err := m.marshal()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(bare)
	m.Digest = hex.EncodeToString(sum[:])
	return m.marshal()
}

func (m *Manifest) marshal() ([]byte, error) {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("snapshot: manifest: %w", err)
	}
	return append(data, '\n'), nil
}

// decodeManifest reads and verifies manifest.json. The digest covers what the
// bytes mean; comparing them with a fresh encoding covers the rest, such as
// white space and the case of names.
func decodeManifest(data []byte, id ID) (Manifest, error) {
	var m Manifest
	bad := func(format string, args ...any) (Manifest, error) {
		return Manifest{}, corrupt(opOpen, manifestFile, format, args...)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return bad("is not a manifest")
	}
	if m.Format > erasedFormat {
		return bad("has format %d, this version reads up to %d", m.Format, erasedFormat)
	}
	stored := m.Digest
	fresh, err := m.encode()
	switch {
	case err != nil || m.Digest != stored || !bytes.Equal(fresh, data):
		return bad("does not match its digest")
	case len(m.Files) != 2 || m.Files[0].Name != rowsFile || m.Files[1].Name != rejectsFile:
		return bad("does not list %s and %s", rowsFile, rejectsFile)
	case m.Files[0].root() != m.Files[0].SHA256 || m.Files[1].root() != m.Files[1].SHA256:
		return bad("has digests of blocks that do not make up the file's")
	case m.ID != id || m.contentID() != id:
		return bad("is of another snapshot than the one asked for")
	}
	return m, nil
}
