package pcm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postproof/postproof/vendors/pcm"
)

// TestFindIsNotComplete: what could hide our order must not prove its absence.
func TestFindIsNotComplete(t *testing.T) {
	t.Parallel()
	other := strings.ReplaceAll(order, "0123456789ABCDEF", "OTHER00000000000")
	for name, list := range map[string]string{
		"the same page again":        `{"results":[` + other + `],"pagination":{"page":1,"totalPages":3,"totalResults":3}}`,
		"fewer than it says":         `{"results":[` + other + `],"pagination":{"page":1,"totalPages":1,"totalResults":2}}`,
		"an order without reference": `{"results":[` + strings.ReplaceAll(order, "0123456789ABCDEF", "") + `],"pagination":{"page":1,"totalPages":1,"totalResults":1}}`,
	} {
		s := &server{answers: map[string][]answer{"GET /order": {{200, list}}}}
		found, err := newAdapter(t).Find(t.Context(), s.doer(), ref)
		if err != nil || found.Complete || len(found.Orders) != 0 {
			t.Errorf("%s: %+v, %v; want an answer that is not complete", name, found, err)
		}
	}
	page := func(n, total int, id string) answer {
		return answer{200, fmt.Sprintf(`{"results":[%s],"pagination":{"page":%d,"totalPages":2,"totalResults":%d}}`,
			strings.Replace(other, `"orderID":222`, `"orderID":`+id, 1), n, total)}
	}
	for name, pages := range map[string][]answer{
		"an order that is shown twice":  {page(1, 2, "1"), page(2, 2, "1")},
		"an order that has gone":        {page(1, 3, "1"), page(2, 2, "3")},
		"an order that came in between": {page(1, 1, "1"), page(2, 2, "2")},
	} {
		s := &server{answers: map[string][]answer{"GET /order": pages}}
		found, err := newAdapter(t).Find(t.Context(), s.doer(), ref)
		if err != nil || found.Complete {
			t.Errorf("%s: %+v, %v; want an answer that is not complete", name, found, err)
		}
	}
	s := &server{answers: map[string][]answer{"GET /order": {page(1, 2, "1"), page(2, 2, "2")}}}
	found, err := newAdapter(t).Find(t.Context(), s.doer(), ref)
	if err != nil || !found.Complete {
		t.Errorf("two pages that stand still: %+v, %v", found, err)
	}
	s = &server{answers: map[string][]answer{"GET /order": {{200, noOrder}}}}
	found, err = newAdapter(t).Find(t.Context(), s.doer(), ref)
	if err != nil || !found.Complete || found.VendorTime.IsZero() {
		t.Errorf("an empty list: %+v, %v", found, err)
	}
	asked := s.do.Asked()
	if got, want := asked[len(asked)-1], "GET "+pcm.DefaultBaseURL+"/order?extRefNbr=0123456789ABCDEF&page=1&perPage=50"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}
