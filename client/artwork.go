package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// PutArtwork stores artwork once, by its content, and returns the blob to name
// in a [postproof.PDF], [postproof.Images] or [postproof.HTML]. It is durable
// when PutArtwork returns. Content is streamed, of any size.
func (c *Client) PutArtwork(ctx context.Context, content io.Reader) (_ postproof.Blob, err error) {
	ctx, span := c.tel.call(ctx, "postproof.put_artwork", &err)
	defer endCall(span, &err)
	b, err := c.store.PutBlob(ctx, content)
	if err != nil {
		return postproof.Blob{}, notSent(postproof.CodeUnavailable, "put artwork", err)
	}
	return b, nil
}

var errTooLarge = errors.New("markup is too large")

func tooLarge(n int) error {
	return fmt.Errorf("%w: %d bytes, at most %d are allowed; give a PDF instead", errTooLarge, n, maxMarkup)
}

// artworkError wraps an error of stow or fill: the job's fault, or the store's.
func artworkError(op string, err error) error {
	code := codeOfStore(err)
	if errors.Is(err, errTooLarge) {
		code = postproof.CodeInvalidArgument
	}
	return notSent(code, op, err)
}

// artworks moves inline markup into the blob store and back. Campaigns use one
// artwork for many jobs, so the latest stay in memory.
type artworks struct {
	store idempotency.Blobs

	mu      sync.Mutex
	history string                      // of the ledger, that digests are of; see [Client.artHistory]
	digests map[string]string           // of markup known to be durable, in hexadecimal
	markup  map[string]string           // by digest
	bytes   int                         // of all markup; both maps hold the same strings
	files   map[postproof.Blob]struct{} // that were seen in the store
}

const (
	maxMarkup     = 1 << 20 // of one side
	maxCacheBytes = 8 << 20
	maxFiles      = 1 << 12 // remembered
)

func newArtworks(store idempotency.Blobs) *artworks {
	return &artworks{store: store, digests: map[string]string{}, markup: map[string]string{}, files: map[postproof.Blob]struct{}{}}
}

// in has the markup that is known to be durable be that of a history of the
// ledger: a store that was restored need not have what was put into the lost one,
// nor one that something was deleted from.
func (a *artworks) in(history string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.history != history {
		clear(a.digests)
		clear(a.files)
		a.history = history
	}
}

// stow returns the job with its inline markup in the blob store.
func (a *artworks) stow(ctx context.Context, job *postproof.Job) (postproof.Job, error) {
	html, ok := job.Piece.Art().(postproof.HTML)
	if !ok || (html.Front == "" && html.Back == "") {
		return *job, nil
	}
	var err error
	if html.FrontBlob, err = a.put(ctx, html.Front, html.FrontBlob); err != nil {
		return postproof.Job{}, err
	}
	if html.BackBlob, err = a.put(ctx, html.Back, html.BackBlob); err != nil {
		return postproof.Job{}, err
	}
	html.Front, html.Back = "", ""
	out := *job
	out.Piece = job.Piece.WithArt(html)
	return out, nil
}

func (a *artworks) put(ctx context.Context, markup string, blob postproof.Blob) (postproof.Blob, error) {
	if markup == "" {
		return blob, nil
	}
	if len(markup) > maxMarkup {
		return blob, tooLarge(len(markup))
	}
	b := postproof.Blob{Size: int64(len(markup))}
	a.mu.Lock()
	b.Digest = a.digests[markup]
	history := a.history
	a.mu.Unlock()
	if b.Digest != "" {
		return b, nil
	}
	b.Digest = digestOf([]byte(markup))
	if _, err := a.store.PutBlob(ctx, strings.NewReader(markup)); err != nil {
		return blob, fmt.Errorf("store the artwork: %w", err)
	}
	a.remember(b.Digest, markup, &history)
	return b, nil
}

// fill returns the job with its markup inline, as adapters want it.
func (a *artworks) fill(ctx context.Context, job *postproof.Job) (postproof.Job, error) {
	html, ok := job.Piece.Art().(postproof.HTML)
	if !ok || (html.FrontBlob.IsZero() && html.BackBlob.IsZero()) {
		return *job, nil
	}
	var err error
	if html.Front, err = a.get(ctx, html.Front, html.FrontBlob); err != nil {
		return postproof.Job{}, err
	}
	if html.Back, err = a.get(ctx, html.Back, html.BackBlob); err != nil {
		return postproof.Job{}, err
	}
	html.FrontBlob, html.BackBlob = postproof.Blob{}, postproof.Blob{}
	out := *job
	out.Piece = job.Piece.WithArt(html)
	return out, nil
}

func (a *artworks) get(ctx context.Context, inline string, b postproof.Blob) (string, error) {
	if b.IsZero() {
		return inline, nil
	}
	a.mu.Lock()
	markup, ok := a.markup[b.Digest]
	a.mu.Unlock()
	if ok {
		return markup, nil
	}
	if b.Size > maxMarkup {
		return "", fmt.Errorf("%w: %d bytes, at most %d are allowed", errTooLarge, b.Size, maxMarkup)
	}
	rc, err := a.store.OpenBlob(ctx, b)
	if err != nil {
		return "", fmt.Errorf("open the artwork: %w", err)
	}
	var buf bytes.Buffer
	_, err = buf.ReadFrom(io.LimitReader(rc, maxMarkup+1))
	if err = errors.Join(err, rc.Close()); err != nil {
		return "", fmt.Errorf("read the artwork: %w", err)
	}
	markup = buf.String()
	a.remember(b.Digest, markup, nil)
	return markup, nil
}

// present returns an error when a file that the job names is not in the store. What
// is found out only while it is sent is half a request at the vendor, and a doubt.
func (a *artworks) present(ctx context.Context, job *postproof.Job) error {
	if _, ok := job.Piece.Art().(postproof.HTML); ok {
		return nil // fill has read it
	}
	for _, b := range postproof.Blobs(job.Piece.Art()) {
		a.mu.Lock()
		_, known := a.files[b]
		history := a.history
		a.mu.Unlock()
		if known {
			continue
		}
		rc, err := a.store.OpenBlob(ctx, b)
		if err == nil {
			err = rc.Close()
		}
		if err != nil {
			return artworkError("encode", fmt.Errorf("open the artwork: %w", err))
		}
		a.mu.Lock()
		if len(a.files) >= maxFiles {
			clear(a.files)
		}
		if history == a.history {
			a.files[b] = struct{}{}
		}
		a.mu.Unlock()
	}
	return nil
}

// forget drops markup from memory. A person that it was made for was erased.
func (a *artworks) forget(digest string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for b := range a.files {
		if b.Digest == digest {
			delete(a.files, b)
		}
	}
	if markup, ok := a.markup[digest]; ok {
		delete(a.markup, digest)
		delete(a.digests, markup)
		a.bytes -= len(markup)
	}
}

// known reports whether the job has no markup that would be stored now.
func (a *artworks) known(job *postproof.Job) bool {
	html, ok := job.Piece.Art().(postproof.HTML)
	if !ok {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, markup := range []string{html.Front, html.Back} {
		if _, there := a.digests[markup]; markup != "" && !there {
			return false
		}
	}
	return true
}

// remember keeps markup; stored is the history of the ledger in which this client
// has stored it, nil if it has not.
func (a *artworks) remember(digest, markup string, stored *string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bytes+len(markup) > maxCacheBytes {
		clear(a.markup)
		clear(a.digests)
		a.bytes = 0
	}
	if have, ok := a.markup[digest]; ok {
		markup = have
	} else {
		a.markup[digest] = markup
		a.bytes += len(markup)
	}
	if stored != nil && *stored == a.history {
		a.digests[markup] = digest
	}
}
