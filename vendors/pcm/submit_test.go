package pcm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/vendorsim"
)

const (
	placed = `{"batchID":111,"orderID":222,"extRefNbr":"0123456789ABCDEF"}`
	order  = `{"status":"Processing","mailClass":"FirstClass","productType":"postcard","orderID":222,"batchID":111,
		"extRefNbr":"0123456789ABCDEF","designID":3,"orderDate":"2026-03-02T15:00:00.000Z","returnAddress":null,"subresources":{}}`
	oneOrder    = `{"results":[` + order + `],"pagination":{"page":1,"perPage":50,"totalPages":1,"totalResults":1}}`
	noOrder     = `{"results":[],"pagination":{"page":1,"perPage":50,"totalPages":0,"totalResults":0}}`
	mailing     = `{"status":"Mailing","batchID":111,"lastModifiedDate":"2026-03-03T18:00:00.000Z"}`
	ourDigest   = "1aaaaaaaaaaaaaaaaaaaaaaa"
	ours        = `{"results":[{"extRefNbr":"` + ourDigest + `","zipCode":"99999"}],"pagination":{"page":1,"perPage":2,"totalPages":1,"totalResults":1}}`
	dup         = `{"error":{"code":409,"message":"Specified external reference number was duplicated for this order","data":[]}}`
	unauthorize = `{"error":{"code":401,"message":"expired"}}`
)

// submit sends a postcard.
func submit(t *testing.T, a *pcm.Adapter, do vendors.Doer) (*vendors.Order, error) {
	t.Helper()
	s := submission(job())
	body, err := a.Encode(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return a.Submit(t.Context(), do, s, body)
}

func TestSubmit(t *testing.T) {
	t.Parallel()
	s := &server{answers: map[string][]answer{"POST /order/postcard": {{201, placed}}}}
	got, err := submit(t, newAdapter(t, pcm.WithChildRef("child-7")), s.doer())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	if got.Receipt != (postproof.Receipt{Vendor: "pcm", VendorID: "222", Ref: ref, AcceptedAt: at}) || got.Replayed || got.Dead {
		t.Errorf("%+v", got)
	}
	if want := `{"apiKey":"the-key","apiSecret":"the-secret","childRefNbr":"child-7"}`; string(s.do.Sent[0].Body) != want {
		t.Errorf("login %s, want %s", s.do.Sent[0].Body, want)
	}
	if auth := s.do.Sent[1].Request.Header.Get("Authorization"); auth != "Bearer token-1" {
		t.Errorf("Authorization %q", auth)
	}
}

func TestExpiredTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	s := &server{answers: map[string][]answer{"POST /order/postcard": {{401, unauthorize}, {201, placed}}}}
	a := newAdapter(t)
	if _, err := submit(t, a, s.doer()); err != nil {
		t.Fatal(err)
	}
	if s.logins != 2 || len(s.do.Sent) != 4 {
		t.Fatalf("%d logins, %d requests, want 2 and 4", s.logins, len(s.do.Sent))
	}
	if !bytes.Equal(s.do.Sent[1].Body, s.do.Sent[3].Body) || len(s.do.Sent[1].Body) == 0 {
		t.Error("the second send has another body than the first")
	}
	if got := s.do.Sent[3].Request.Header.Get("Authorization"); got != "Bearer token-2" {
		t.Errorf("Authorization %q", got)
	}
	s = &server{answers: map[string][]answer{"POST /order/postcard": {{401, unauthorize}}}}
	_, err := submit(t, newAdapter(t), s.doer())
	if postproof.CodeOf(err) != postproof.CodeUnauthenticated || postproof.DeliveryOf(err) != postproof.Refused || s.logins != 2 {
		t.Errorf("%v after %d logins, want unauthenticated (refused) after 2", err, s.logins)
	}
}

func TestDuplicateIsLookedUp(t *testing.T) {
	t.Parallel()
	s := &server{answers: map[string][]answer{
		"POST /order/postcard": {{409, dup}}, "GET /order": {{200, oneOrder}},
		"GET /batch/111": {{200, mailing}}, "GET /order/222/recipients": {{200, ours}},
	}}
	got, err := submit(t, newAdapter(t), s.doer())
	if err != nil {
		t.Fatal(err)
	}
	want := vendors.Facts{Kind: "postcard", Class: "first_class", Content: ourDigest}
	if got.Receipt.VendorID != "222" || !got.Replayed || got.Facts != want || got.Status.Stage != postproof.StageMailed {
		t.Errorf("%+v", got)
	}
}

func TestDuplicateThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string]map[string][]answer{
		"it is not there":           {"GET /order": {{200, noOrder}}},
		"the look-up fails":         {"GET /order": {{500, ""}}},
		"the look-up is no list":    {"GET /order": {{200, "{}"}}},
		"its recipient is not read": {"GET /order": {{200, oneOrder}}, "GET /batch/111": {{200, mailing}}},
		"it is said in other words": {"GET /order": {{200, noOrder}}, "POST /order/postcard": {{409, `{"error":{"message":"duplicated"}}`}}},
	} {
		if answers["POST /order/postcard"] == nil {
			answers["POST /order/postcard"] = []answer{{409, dup}}
		}
		s := &server{answers: answers}
		_, err := submit(t, newAdapter(t), s.doer())
		d, ok := errors.AsType[*vendors.DuplicateError](err)
		if !ok || d.Ref != ref || postproof.DeliveryOf(err) != postproof.Unknown || postproof.CodeOf(err) != postproof.CodeConflict {
			t.Errorf("%s: %v, want a duplicate (unknown)", name, err)
		}
	}
}

// TestForeign409IsNoDuplicate: what stands in front knows no references. What it says
// vetoes nothing, and what is there is found all the same.
func TestForeign409IsNoDuplicate(t *testing.T) {
	t.Parallel()
	dead := strings.ReplaceAll(oneOrder, "Processing", "Canceled")
	for _, body := range []string{"", "<html>error code: 1001</html>", "{}", `{"status":409,"error_code":1001}`, `{"error":"DNS"}`} {
		for _, list := range []answer{{200, noOrder}, {500, ""}, {200, dead}} {
			s := &server{answers: map[string][]answer{
				"POST /order/postcard": {{409, body}}, "GET /order": {list}, "GET /order/222/recipients": {{200, ours}},
			}}
			_, err := submit(t, newAdapter(t), s.doer())
			if _, ok := errors.AsType[*vendors.DuplicateError](err); ok || postproof.DeliveryOf(err) != postproof.Unknown || postproof.CodeOf(err) != postproof.CodeUnavailable {
				t.Errorf("%q, then %+v: %v, want unavailable (unknown) and no duplicate", body, list, err)
			}
		}
		s := &server{answers: map[string][]answer{
			"POST /order/postcard": {{409, body}}, "GET /order": {{200, oneOrder}},
			"GET /batch/111": {{200, mailing}}, "GET /order/222/recipients": {{200, ours}},
		}}
		if got, err := submit(t, newAdapter(t), s.doer()); err != nil || got.Receipt.VendorID != "222" || !got.Replayed {
			t.Errorf("%q: %+v, %v; want the order that is there", body, got, err)
		}
	}
}

func TestDuplicatePrefersTheLiving(t *testing.T) {
	t.Parallel()
	dead := strings.NewReplacer("Processing", "Canceled", "222", "221").Replace(order)
	s := &server{answers: map[string][]answer{
		"POST /order/postcard": {{409, dup}},
		"GET /order":           {{200, `{"results":[` + dead + `,` + order + `],"pagination":{"page":1,"totalPages":1,"totalResults":2}}`}},
		"GET /batch/111":       {{200, mailing}}, "GET /order/222/recipients": {{200, ours}}, "GET /order/221/recipients": {{200, ours}},
	}}
	got, err := submit(t, newAdapter(t), s.doer())
	if err != nil || got.Receipt.VendorID != "222" || got.Dead {
		t.Errorf("%+v, %v", got, err)
	}
}

// A dead order in half a list does not say that no live one is in the other.
func TestDuplicateInHalfAListIsUnknown(t *testing.T) {
	t.Parallel()
	dead := strings.NewReplacer("Processing", "Canceled", "222", "221").Replace(order)
	s := &server{answers: map[string][]answer{
		"POST /order/postcard": {{409, dup}},
		"GET /order":           {{200, `{"results":[` + dead + `],"pagination":{"page":1,"totalPages":1,"totalResults":2}}`}},
		"GET /batch/111":       {{200, mailing}}, "GET /order/221/recipients": {{200, ours}},
	}}
	_, err := submit(t, newAdapter(t), s.doer())
	if _, ok := errors.AsType[*vendors.DuplicateError](err); !ok || postproof.DeliveryOf(err) != postproof.Unknown {
		t.Errorf("%v, want a duplicate (unknown)", err)
	}
}

func TestLoginFailuresSendNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		answer answer
		code   postproof.Code
	}{
		{answer{400, said(400)}, postproof.CodeInvalidArgument},
		{answer{401, said(401)}, postproof.CodeUnauthenticated},
		{answer{404, said(404)}, postproof.CodeUnauthenticated}, // what PCM says of a pair that it does not know
		{answer{401, "{}"}, postproof.CodeUnavailable},          // and what stands in front, of nothing
		{answer{403, "<html>Forbidden</html>"}, postproof.CodeUnavailable},
		{answer{404, "{}"}, postproof.CodeUnavailable},
		{answer{500, "{}"}, postproof.CodeUnavailable},
		{answer{200, `{"token":""}`}, postproof.CodeUnknown},
		{answer{200, "{\"token\":\"a\\r\\nX: y\"}"}, postproof.CodeUnknown},
		{answer{200, ""}, postproof.CodeUnknown},
	} {
		s := &server{answers: map[string][]answer{"POST /auth/login": {test.answer}}}
		_, err := submit(t, newAdapter(t), s.doer())
		if postproof.CodeOf(err) != test.code || postproof.DeliveryOf(err) != postproof.NotSent || len(s.do.Sent) != 1 {
			t.Errorf("%+v: %v after %d requests, want %v (not_sent) after 1", test.answer, err, len(s.do.Sent), test.code)
		}
	}
}

// said is how PCM refuses.
func said(status int) string {
	return fmt.Sprintf(`{"error":{"code":%d,"message":"One or more errors occurred","data":[]}}`, status)
}

// TestForeignAnswersWait: a 4xx to an order that is not PCM's own comes of a base URL that was
// written wrongly, or of what stands in front. The job is not refused for it, nor is the account
// blamed.
func TestForeignAnswersWait(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]postproof.Code{
		`{"error":{"code":404,"message":"One or more errors occurred","data":[{"message":"` + "`designID`" + ` could not be found","property":"designID"}]}}`: postproof.CodeNotFound,
		`{"error":{"code":405,"message":"no such method"}}`: postproof.CodeInvalidArgument,
		"": postproof.CodeUnavailable, "{}": postproof.CodeUnavailable, "<html>Not Found</html>": postproof.CodeUnavailable,
		`{"message":"no Route matched with those values"}`: postproof.CodeUnavailable, `{"error":{"code":"not_found"}}`: postproof.CodeUnavailable,
	} {
		statuses := []int{400, 401, 402, 403, 404, 405, 410, 413, 415, 422}
		if want != postproof.CodeUnavailable { // PCM's own repeats it
			statuses = []int{404}
			if want == postproof.CodeInvalidArgument {
				statuses[0] = 405
			}
		}
		for _, status := range statuses {
			s := &server{answers: map[string][]answer{"POST /order/postcard": {{status, body}}}}
			_, err := submit(t, newAdapter(t), s.doer())
			delivery := postproof.Refused
			if status == 403 { // perhaps in the place of PCM's answer
				delivery = postproof.Unknown
			}
			if postproof.CodeOf(err) != want || postproof.DeliveryOf(err) != delivery || strings.Contains(err.Error(), "base URL") != (want == postproof.CodeUnavailable) {
				t.Errorf("%d %q: %v, want %v (%v)", status, body, err, want, delivery)
			}
			s = &server{answers: map[string][]answer{"POST /auth/login": {{status, body}}}}
			_, err = submit(t, newAdapter(t), s.doer())
			login := want
			if want == postproof.CodeNotFound {
				login = postproof.CodeUnauthenticated
			}
			if postproof.CodeOf(err) != login || strings.Contains(err.Error(), "base URL") != (want == postproof.CodeUnavailable) {
				t.Errorf("login, %d %q: %v, want %v", status, body, err, login)
			}
		}
	}
}

// TestOwnRefusalIsOne: what PCM itself says no to is refused, in the form that it documents and
// with the code as a text.
func TestOwnRefusalIsOne(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]postproof.Code{
		400: postproof.CodeInvalidArgument, 403: postproof.CodePermissionDenied, 422: postproof.CodeInvalidArgument,
	} {
		for _, body := range []string{said(status), fmt.Sprintf(`{"error":{"code":"%d"}}`, status)} {
			s := &server{answers: map[string][]answer{"POST /order/postcard": {{status, body}}}}
			if _, err := submit(t, newAdapter(t), s.doer()); postproof.CodeOf(err) != want || postproof.DeliveryOf(err) != postproof.Refused {
				t.Errorf("%s: %v, want %v (refused)", body, err, want)
			}
		}
	}
}

// TestTokenIsRenewedBeforeItExpires counts by the vendor's clock: ours is an
// hour ahead here.
func TestTokenIsRenewedBeforeItExpires(t *testing.T) {
	t.Parallel()
	clock := vendorsim.NewClock(time.Date(2026, 3, 2, 16, 0, 0, 0, time.UTC), 0)
	s := &server{answers: map[string][]answer{"POST /order/postcard": {{201, placed}}}}
	a := newAdapter(t, pcm.WithClock(clock))
	do := s.doer()
	for _, step := range []struct {
		advance time.Duration
		logins  int
	}{{0, 1}, {54 * time.Minute, 1}, {time.Minute, 2}, {54 * time.Minute, 2}} {
		clock.Advance(step.advance)
		if _, err := submit(t, a, do); err != nil {
			t.Fatal(err)
		}
		if s.logins != step.logins {
			t.Errorf("after %v more: %d logins, want %d", step.advance, s.logins, step.logins)
		}
	}
}

// slow makes every request take a second.
type slow struct{ vendors.Doer }

func (s slow) Do(ctx context.Context, req *vendors.Request) (*vendors.Response, error) {
	select {
	case <-ctx.Done():
		return nil, postproof.NewError(postproof.CodeCanceled, postproof.NotSent, context.Cause(ctx))
	case <-time.After(time.Second):
		return s.Doer.Do(ctx, req)
	}
}

func TestLoginIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: map[string][]answer{"POST /order/postcard": {{201, placed}}}}
		a, do := newAdapter(t), slow{s.doer()}
		started := time.Now()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := submit(t, a, do); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if s.logins != 1 || time.Since(started) != 2*time.Second {
			t.Errorf("%d logins in %v, want 1 in 2s", s.logins, time.Since(started))
		}
	})
}

func TestFailedLoginIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: map[string][]answer{"POST /auth/login": {{500, ""}}}}
		a, do := newAdapter(t), slow{s.doer()}
		started := time.Now()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := submit(t, a, do); postproof.DeliveryOf(err) != postproof.NotSent {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(s.do.Sent) != 1 || time.Since(started) != time.Second {
			t.Errorf("%d logins in %v, want 1 in 1s", len(s.do.Sent), time.Since(started))
		}
	})
}

// TestCallerWhoGaveUpTakesNobodyAlong: the one who logs in leaves, the one who
// waits goes on by itself.
func TestCallerWhoGaveUpTakesNobodyAlong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: map[string][]answer{"POST /order/postcard": {{201, placed}}}}
		a, do := newAdapter(t), slow{s.doer()}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		sub := submission(job())
		body, err := a.Encode(t.Context(), sub)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := a.Submit(ctx, do, sub, body); postproof.DeliveryOf(err) != postproof.NotSent {
				t.Errorf("the one who gave up: %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if _, err := submit(t, a, do); err != nil {
				t.Errorf("the one who waited: %v", err)
			}
		})
		wg.Wait()
	})
}

// panics is a Doer that panics at the first request, as a hook of the program's
// may.
type panics struct {
	vendors.Doer
	once sync.Once
}

func (p *panics) Do(ctx context.Context, req *vendors.Request) (*vendors.Response, error) {
	p.once.Do(func() { panic("a hook") })
	return p.Doer.Do(ctx, req)
}

// TestLoginThatPanicsHoldsNobodyUp: the client turns the panic into an error and
// goes on; so must those who need a token.
func TestLoginThatPanicsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s := &server{answers: map[string][]answer{"POST /order/postcard": {{201, placed}}}}
	a, do := newAdapter(t), &panics{Doer: s.doer()}
	sub := submission(job())
	body, err := a.Encode(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_, _ = a.Submit(t.Context(), do, sub, body)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := a.Submit(ctx, do, sub, body); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status   int
		code     postproof.Code
		delivery postproof.Delivery
	}{
		{204, 0, 0},
		{200, 0, 0},
		{400, postproof.CodeConflict, postproof.Accepted},
		{409, postproof.CodeConflict, postproof.Accepted},
		{404, postproof.CodeNotFound, postproof.Refused},
		{429, postproof.CodeRateLimited, postproof.Refused},
		{500, postproof.CodeUnavailable, postproof.Unknown},
	} {
		own := fmt.Sprintf(`{"error":{"code":%d,"message":"Order cannot be canceled"}}`, test.status)
		s := &server{answers: map[string][]answer{"DELETE /order/222": {{test.status, own}}}}
		err := newAdapter(t).Cancel(t.Context(), s.doer(), "222")
		if postproof.CodeOf(err) != test.code || postproof.DeliveryOf(err) != test.delivery {
			t.Errorf("status %d: %v", test.status, err)
		}
	}
	for _, status := range []int{400, 401, 403, 404, 409, 410, 422} { // of what stands in front, which does not know whether it is too late
		for _, body := range []string{"", "<html>Bad Request</html>", "{}", `{"error":{"code":500}}`} {
			s := &server{answers: map[string][]answer{"DELETE /order/222": {{status, body}}}}
			err := newAdapter(t).Cancel(t.Context(), s.doer(), "222")
			if postproof.CodeOf(err) != postproof.CodeUnavailable || postproof.DeliveryOf(err) == postproof.Accepted {
				t.Errorf("%d %q: %v, and the order may still be stopped", status, body, err)
			}
		}
	}
	for _, id := range []string{"", "0", "-1", "+1", "01", "1/recipients", "9999999999999999999999"} {
		s := &server{}
		if err := newAdapter(t).Cancel(t.Context(), s.doer(), id); postproof.CodeOf(err) != postproof.CodeNotFound || len(s.do.Sent) != 0 {
			t.Errorf("id %q: %v after %d requests", id, err, len(s.do.Sent))
		}
	}
}

func TestGetReadsTheBatch(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		batch answer
		want  postproof.Status
	}{
		"both": {answer{200, mailing}, postproof.Status{
			Stage: "mailed", Raw: "Processing/Mailing", Source: "poll", Confidence: "reported", VendorTime: time.Date(2026, 3, 3, 18, 0, 0, 0, time.UTC),
		}},
		"the batch fails": {answer{500, ""}, postproof.Status{
			Stage: "in_production", Raw: "Processing", Source: "poll", Confidence: "reported", VendorTime: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC),
		}},
		"another batch": {answer{200, `{"status":"Delivered","batchID":112}`}, postproof.Status{
			Stage: "in_production", Raw: "Processing", Source: "poll", Confidence: "reported", VendorTime: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC),
		}},
	} {
		s := &server{answers: map[string][]answer{"GET /order/222": {{200, order}}, "GET /batch/111": {test.batch}}}
		got, err := newAdapter(t).Get(t.Context(), s.doer(), "222")
		if err != nil || got.Status != test.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got.Status, err, test.want)
		}
	}
}

func TestOrderOfManyRecipientsIsNotOurs(t *testing.T) {
	t.Parallel()
	s := &server{answers: map[string][]answer{
		"GET /order": {{200, oneOrder}}, "GET /batch/111": {{200, mailing}},
		"GET /order/222/recipients": {{200, `{"results":[{"extRefNbr":"` + ourDigest + `"},{}],"pagination":{"page":1,"totalPages":1,"totalResults":2}}`}},
	}}
	found, err := newAdapter(t).Find(t.Context(), s.doer(), ref)
	if err != nil || len(found.Orders) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	if found.Orders[0].Facts.Equal(vendors.Facts{Kind: postproof.KindPostcard, Content: ourDigest}) {
		t.Error("an order of two recipients passes for ours")
	}
}
