package snapshot

import "errors"

// syncEvery is how many bytes are written before they are brought to the disk
// beside what goes on: closing a long file then has little left to wait for.
const syncEvery = 8 << 20

// syncedFile is on the disk when it is closed. It is used by one goroutine.
type syncedFile struct {
	file
	behind  int        // bytes written since the last sync began
	syncing chan error // of a sync under way
	err     error      // of those before: a disk tells of a loss once
}

// Write implements [io.Writer].
func (f *syncedFile) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	if f.behind += n; f.behind >= syncEvery {
		f.syncBeside()
	}
	return n, err
}

// syncBeside starts a sync unless the last one is still under way.
func (f *syncedFile) syncBeside() {
	if f.syncing == nil {
		f.syncing = make(chan error, 1)
	} else {
		select {
		case err := <-f.syncing:
			f.err = errors.Join(f.err, err)
		default:
			return
		}
	}
	f.behind = 0
	syncing := f.syncing // which syncAll puts another in the place of
	go func() { syncing <- f.Sync() }()
}

// syncAll starts a sync of all that was written, behind one that is under way.
func (f *syncedFile) syncAll() {
	before, all := f.syncing, make(chan error, 1)
	f.syncing, f.behind = all, 0
	go func() {
		var err error
		if before != nil {
			err = <-before
		}
		all <- errors.Join(err, f.Sync())
	}()
}

// settle waits for the sync that is under way.
func (f *syncedFile) settle() {
	if f.syncing != nil {
		f.err = errors.Join(f.err, <-f.syncing)
		f.syncing = nil
	}
}

// Close implements [io.Closer].
func (f *syncedFile) Close() error {
	begun := f.syncing != nil
	f.settle()
	err := f.err
	if err == nil && (!begun || f.behind > 0) { // else nothing was written since it began
		err = f.Sync()
	}
	if cerr := f.file.Close(); err == nil {
		err = cerr
	}
	return err
}

// earlySuffix is what a file of a draft has behind its name as long as nobody knows
// whether it will be kept.
const earlySuffix = ".early"

// provisionalFile implements provisional in a folder.
type provisionalFile struct {
	syncedFile
	fs   fileSystem
	path string
	done bool
}

// keep implements provisional. The file is closed first: not every system renames
// an open one.
func (f *provisionalFile) keep() error {
	f.done = true
	if err := f.syncedFile.Close(); err != nil {
		return err
	}
	return f.fs.rename(f.path+earlySuffix, f.path)
}

// Close implements provisional.
func (f *provisionalFile) Close() error {
	if f.done {
		return nil
	}
	f.done = true
	// What could not be brought to the disk may have been read from there since.
	f.settle()
	return errors.Join(f.err, f.file.Close(), f.fs.removeAll(f.path+earlySuffix))
}
