package snapshot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"strings"
	"time"
)

// Folder is a [Store] in a directory: a folder for each snapshot, named by its
// id, with manifest.json, rows.csv and rejects.csv in it, or rows.csv.gz where it
// is compressed. The files are
// readable by their owner only, and by nobody writable.
//
// A snapshot is written under a name that begins with "draft-", synced to disk
// and renamed, so that it is there completely or not at all; what a killed
// process leaves of a draft is removed a day later. Several processes may
// share the directory. The file system must rename atomically, as local ones
// do.
type Folder struct {
	dir string
	fs  fileSystem
	now func() time.Time
}

const (
	draftPrefix = "draft-"
	// removedPrefix is for what was removed and not deleted yet.
	removedPrefix = "removed-"
	// draftLife is longer than any freezing takes.
	draftLife = 24 * time.Hour
)

// OpenFolder returns the store in the directory, which it creates when it does
// not exist.
func OpenFolder(dir string) (*Folder, error) {
	return openFolder(dir, diskFS{}, time.Now)
}

func openFolder(dir string, disk fileSystem, now func() time.Time) (*Folder, error) {
	if err := disk.mkdirAll(dir); err != nil {
		return nil, wrap(opOpen, err)
	}
	return &Folder{dir: dir, fs: disk, now: now}, nil
}

// Begin implements [Store].
func (f *Folder) Begin(context.Context) (Draft, error) {
	if err := f.sweep(); err != nil {
		return nil, err
	}
	dir := filepath.Join(f.dir, draftPrefix+rand.Text())
	if err := f.fs.mkdirAll(dir); err != nil {
		return nil, err
	}
	return &folderDraft{store: f, dir: dir}, nil
}

// sweep removes what killed processes left: it holds personal data that no
// snapshot accounts for.
func (f *Folder) sweep() error {
	entries, err := f.fs.readDir(f.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), removedPrefix) {
			if err := f.fs.removeAll(filepath.Join(f.dir, e.Name())); err != nil {
				return err
			}
		}
		if !strings.HasPrefix(e.Name(), draftPrefix) {
			continue
		}
		info, err := e.Info()
		if err != nil || f.now().Sub(info.ModTime()) < draftLife {
			continue // gone already, or still at work
		}
		if err := f.fs.removeAll(filepath.Join(f.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Open implements [Store].
func (f *Folder) Open(_ context.Context, id ID, file string) (io.ReadCloser, error) {
	if !id.Valid() || !filepath.IsLocal(file) {
		return nil, ErrNotFound
	}
	dir := filepath.Join(f.dir, string(id))
	r, err := f.fs.open(filepath.Join(dir, file))
	if !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	if _, err := f.fs.readDir(dir); err == nil {
		return nil, fmt.Errorf("%w: %s is missing", ErrCorrupt, file)
	}
	return nil, ErrNotFound
}

// List implements [Store].
func (f *Folder) List(context.Context) iter.Seq2[ID, error] {
	return func(yield func(ID, error) bool) {
		entries, err := f.fs.readDir(f.dir) // sorted by name
		if err != nil {
			yield("", wrap(opRead, err))
			return
		}
		for _, e := range entries {
			// Also one that was moved elsewhere and left a link: whoever opens it finds
			// it, and so must an erasure.
			if id := ID(e.Name()); id.Valid() && (e.IsDir() || e.Type()&fs.ModeSymlink != 0) && !yield(id, nil) {
				return
			}
		}
	}
}

// Remove implements [Store]. The snapshot is renamed, so that it is gone at
// once, and then deleted; what a killed process leaves of it is deleted by the
// next Remove or Begin.
func (f *Folder) Remove(_ context.Context, id ID) error {
	if !id.Valid() {
		return nil
	}
	at, err := f.entry(id)
	if err != nil {
		return err
	}
	if at != nil && at.Type()&fs.ModeSymlink != 0 {
		return fmt.Errorf("snapshot %.12s is a symbolic link, and only that could be removed: put the folder that it leads to in its place, and remove it again", id)
	}
	if at != nil {
		if err := f.fs.rename(filepath.Join(f.dir, string(id)), filepath.Join(f.dir, removedPrefix+rand.Text())); err != nil {
			if has, herr := f.has(id); herr != nil || has {
				return errors.Join(err, herr)
			}
		}
	}
	// Also what another process has renamed, and not synced yet.
	if err := f.fs.syncDir(f.dir); err != nil {
		return err
	}
	if err := f.sweep(); err != nil {
		return err
	}
	return f.fs.syncDir(f.dir)
}

type folderDraft struct {
	store *Folder
	dir   string
	done  bool
}

// Create implements [Draft].
func (d *folderDraft) Create(name string) (io.WriteCloser, error) {
	w, err := d.store.fs.create(filepath.Join(d.dir, name))
	if err != nil {
		return nil, err
	}
	return &syncedFile{file: w}, nil
}

// provisional implements provisioner. The file goes with the draft if nobody else
// removes it.
func (d *folderDraft) provisional(name string) (provisional, error) {
	path := filepath.Join(d.dir, name)
	w, err := d.store.fs.create(path + earlySuffix)
	if err != nil {
		return nil, err
	}
	return &provisionalFile{syncedFile: syncedFile{file: w}, fs: d.store.fs, path: path}, nil
}

// Commit implements [Draft].
func (d *folderDraft) Commit(_ context.Context, id ID) (bool, error) {
	if !id.Valid() {
		return false, errors.New("snapshot: commit: the id is not one")
	}
	f := d.store
	if err := f.fs.syncDir(d.dir); err != nil {
		return false, err
	}
	if err := f.fs.rename(d.dir, filepath.Join(f.dir, string(id))); err != nil {
		if has, herr := f.has(id); herr != nil || !has {
			return false, errors.Join(err, herr)
		}
		// Someone was faster; the draft goes with Discard. Whoever it was may
		// not have synced the directory yet.
		return false, f.fs.syncDir(f.dir)
	}
	d.done = true
	return true, f.fs.syncDir(f.dir)
}

// scratch implements scratcher: what a list holds stays in its directory.
func (f *Folder) scratch() (scratchFile, error) { return f.fs.scratch(f.dir) }

// has reports whether the snapshot stands in the directory.
func (f *Folder) has(id ID) (bool, error) {
	at, err := f.entry(id)
	return at != nil, err
}

// entry is how the snapshot stands in the directory, nil if it does not.
func (f *Folder) entry(id ID) (fs.DirEntry, error) {
	entries, err := f.fs.readDir(f.dir)
	for _, e := range entries {
		if e.Name() == string(id) {
			return e, err
		}
	}
	return nil, err
}

// Discard implements [Draft].
func (d *folderDraft) Discard() error {
	if d.done {
		return nil
	}
	d.done = true
	return d.store.fs.removeAll(d.dir)
}
