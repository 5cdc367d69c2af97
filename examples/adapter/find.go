package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// maxPages bounds a look-up, which has one page or none: more means that the
// filter is ignored. Then the answer is not complete.
const maxPages = 20

// Find implements [vendors.Finder]. Complete is the word on which a piece may be
// sent elsewhere: it is true only when the list was read to its end and every
// piece in it shows whose it is.
func (a *Acme) Find(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	if !ref.Valid() {
		return nil, notSent("look_up", postproof.CodeInvalidArgument, errors.New("this is no reference of ours"))
	}
	found := &vendors.Found{Complete: true}
	after, seen := "", map[string]bool{"": true}
	for range maxPages {
		query := url.Values{"reference": {string(ref)}, "after": {after}}
		req := a.request(postproof.OpLookUp, http.MethodGet, "/pieces?"+query.Encode(), "/pieces")
		var pieces []*piece
		var next string // empty on the last page
		req.Judge = judge(postproof.OpLookUp, func(raw []byte) (err error) {
			pieces, next, err = readPage(raw)
			return err
		})
		resp, err := do.Do(ctx, req)
		if err != nil {
			return nil, err
		}
		// What was there when the first page was made is what the list proves.
		found.Answered(resp)
		for _, p := range pieces {
			switch p.ref() {
			case ref: // by its own word, not because we asked for it
				found.Orders = append(found.Orders, a.orderOf(p, postproof.SourcePoll))
			case "":
				found.Complete = false // whose is it?
			}
		}
		if next == "" {
			return found, nil
		}
		if seen[next] {
			break // the list runs in a circle, of whatever length
		}
		after, seen[next] = next, true
	}
	found.Complete = false
	return found, nil
}

// readPage reads a page of pieces and the cursor of the next one.
func readPage(raw []byte) (pieces []*piece, next string, err error) {
	o, err := vendors.ParseObject(raw)
	list, cursor := vendors.Field[[]json.RawMessage](o, "pieces"), vendors.Field[*string](o, "next")
	if err != nil || list == nil || cursor == nil {
		return nil, "", errAnswer
	}
	for _, raw := range list {
		p, err := readPiece(raw)
		if err != nil || p.status == "" {
			return nil, "", errAnswer
		}
		pieces = append(pieces, p)
	}
	return pieces, *cursor, nil
}
