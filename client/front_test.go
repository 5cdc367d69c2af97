package client_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/postgrid"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// What stands in front of a vendor does not know whether it is too late to cancel, or
// whether there is such a piece: the wish outlives its no, and the piece is stopped.
func TestCancelOutlivesAForeignNo(t *testing.T) {
	t.Parallel()
	for _, name := range []string{lob.Name, pcm.Name, postgrid.Name} {
		for _, code := range []int{400, 403, 404, 409, 422} {
			t.Run(name+strconv.Itoa(code), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var asked atomic.Int32
					sim, c := fronted(t, name, func(w http.ResponseWriter, r *http.Request, vendor http.Handler) {
						if r.Method == http.MethodDelete && asked.Add(1) <= 6 { // the short retries included
							http.Error(w, "<html>No</html>", code)
							return
						}
						vendor.ServeHTTP(w, r)
					})
					if _, err := c.Submit(t.Context(), job("a")); err != nil {
						t.Fatal(err)
					}
					cancelJob(t, c, "a")
					runFor(t, c, time.Hour)
					if rec := status(t, c, "a"); rec.State != idempotency.Canceled {
						t.Errorf("%v, outcome %q: want it canceled", rec, rec.Cancel.Outcome)
					}
					if prints := sim.Prints(); len(prints) != 2 || prints[1].Event != vendorsim.Voided {
						t.Errorf("%d lines, want one printed and one voided", len(prints))
					}
				})
			})
		}
	}
}

// That another request is at work on the piece is no word that it is too late to cancel.
func TestUnclearConflictEndsNoWish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		_, c := fronted(t, lob.Name, func(w http.ResponseWriter, r *http.Request, vendor http.Handler) {
			if r.Method == http.MethodDelete && asked.Add(1) == 1 {
				w.WriteHeader(http.StatusConflict)
				_, _ = w.Write([]byte(`{"error":{"code":"conflict","status_code":409}}`))
				return
			}
			vendor.ServeHTTP(w, r)
		})
		if _, err := c.Submit(t.Context(), job("a")); err != nil {
			t.Fatal(err)
		}
		cancelJob(t, c, "a")
		runFor(t, c, time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Canceled {
			t.Errorf("%v, outcome %q: want it canceled", rec, rec.Cancel.Outcome)
		}
	})
}

// What stands in front of a vendor answers the polls of a piece for a day: it does not
// know whether there is such a piece, and nothing in its history says so.
func TestAForeign404LosesNoPiece(t *testing.T) {
	t.Parallel()
	for _, name := range []string{lob.Name, pcm.Name, postgrid.Name} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var lost atomic.Bool
				_, c := fronted(t, name, func(w http.ResponseWriter, r *http.Request, vendor http.Handler) {
					if lost.Load() && r.Method == http.MethodGet {
						http.Error(w, "there is nothing here", http.StatusNotFound)
						return
					}
					vendor.ServeHTTP(w, r)
				})
				if _, err := c.Submit(t.Context(), job("a")); err != nil {
					t.Fatal(err)
				}
				lost.Store(true)
				runFor(t, c, 3*24*time.Hour)
				if c.Polls(name).Failed == 0 {
					t.Fatal("it was not asked about")
				}
				for e, err := range c.History(t.Context(), "a") {
					if err != nil || e.Kind == "missing" {
						t.Errorf("%+v, %v", e, err)
					}
				}
			})
		})
	}
}

// A 409 of what stands in front says nothing of our reference: the job is sent again, and
// not held because nobody finds it.
func TestForeign409IsNoVeto(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int32
		sim, c := fronted(t, pcm.Name, func(w http.ResponseWriter, r *http.Request, vendor http.Handler) {
			if submits(r) && sent.Add(1) <= 4 { // the short retries included
				http.Error(w, "error code: 1001", http.StatusConflict)
				return
			}
			vendor.ServeHTTP(w, r)
		})
		rec, err := c.Submit(t.Context(), job("a"))
		if postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatalf("%v, %v; want an unknown outcome", rec, err)
		}
		runFor(t, c, time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || len(sim.Prints()) != 1 {
			t.Errorf("%v, %d printed; want it accepted once", rec, len(sim.Prints()))
		}
	})
}

// A piece is accepted, its answer lost, and then its address refused. It is found by one
// look-up, not sent again for a week and held.
func TestRefusedInDoubtIsFound(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]string{
		lob.Name: `{"error":{"code":"failed_deliverability_strictness","status_code":422,"message":"undeliverable"}}`,
		pcm.Name: `{"error":{"code":422,"message":"recipient address failed verification"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var sent atomic.Int32
				sim, c := fronted(t, name, func(w http.ResponseWriter, r *http.Request, vendor http.Handler) {
					switch {
					case !submits(r):
						vendor.ServeHTTP(w, r)
					case sent.Add(1) == 1:
						vendor.ServeHTTP(httptest.NewRecorder(), r)
						w.WriteHeader(http.StatusInternalServerError)
					default:
						w.WriteHeader(http.StatusUnprocessableEntity)
						_, _ = w.Write([]byte(own))
					}
				})
				_, _ = c.Submit(t.Context(), job("a"))
				runFor(t, c, time.Hour)
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted || len(sim.Prints()) != 1 || sent.Load() > 3 {
					t.Errorf("%v after %d sends, %d printed; want it accepted by a look-up", rec, sent.Load(), len(sim.Prints()))
				}
			})
		})
	}
}

// What stands in front of a vendor answers every submission for an hour: with a page of
// maintenance, a portal, a yes that orders nothing, or a no that is nobody's about the job
// or the account, as a page or as a gateway's JSON. The breaker tells of it: neither is the campaign refused, nor put
// in doubt piece by piece, nor is the vendor left alone for the account's sake.
func TestACampaignOutlivesAPage(t *testing.T) {
	t.Parallel()
	for _, name := range []string{lob.Name, pcm.Name, postgrid.Name} {
		for _, code := range []int{200, 302, 400, 401, 402, 403, 409, 413, 415, 422, 431, -200, -202, -401, -403, -409, -413, -422} {
			kind, page := "text/html; charset=utf-8", "<html>come back later</html>"
			if code < 0 {
				code, kind, page = -code, "application/json", `{"message":"come back later"}`
			}
			t.Run(name+strconv.Itoa(code)+kind[:9], func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var lost atomic.Bool
					lost.Store(true)
					sim, c := fronted(t, name, func(w http.ResponseWriter, r *http.Request, vendor http.Handler) {
						if lost.Load() && submits(r) {
							w.Header().Set("Content-Type", kind)
							w.Header().Set("Location", "http://portal.example/")
							w.WriteHeader(code)
							_, _ = w.Write([]byte(page))
							return
						}
						vendor.ServeHTTP(w, r)
					})
					if _, err := c.Enqueue(t.Context(), jobs(100)); err != nil {
						t.Fatal(err)
					}
					runFor(t, c, time.Hour)
					if d, err := c.Depth(t.Context(), "spring"); err != nil || d[idempotency.Planned] < 50 || d[idempotency.Refused] != 0 {
						t.Errorf("%v, %v: want most to wait, and none refused", d, err)
					}
					if v := c.Vendors()[0]; !v.StoppedUntil.IsZero() {
						t.Errorf("the account is blamed: %s", v.Reason)
					}
					lost.Store(false)
					runFor(t, c, 12*time.Hour)
					if d, err := c.Depth(t.Context(), "spring"); err != nil || d[idempotency.Accepted]+d[idempotency.Done] != 100 {
						t.Errorf("%v, %v: want all accepted", d, err)
					}
					if n := len(sim.Prints()); n != 100 {
						t.Errorf("%d pieces, want 100", n)
					}
				})
			})
		}
	}
}

// A vendor shows each piece with its markup, which is large: PostGrid's letters have it. The
// acceptance is read, and so is the look-up of one whose answer was lost.
func TestLargeAnswersAreRead(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]bool{"accepted": false, "the answer is lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				markup := []byte(`"html":"` + strings.Repeat("markup ", 300_000) + `","id":`)
				sim, c := fronted(t, postgrid.Name, func(w http.ResponseWriter, r *http.Request, vendor http.Handler) {
					answer := httptest.NewRecorder()
					vendor.ServeHTTP(answer, r)
					if lose && submits(r) {
						w.WriteHeader(http.StatusBadGateway)
						return
					}
					w.WriteHeader(answer.Code)
					_, _ = w.Write(bytes.Replace(answer.Body.Bytes(), []byte(`"id":`), markup, 1))
				})
				_, _ = c.Submit(t.Context(), job("a"))
				runFor(t, c, time.Hour)
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted || len(sim.Prints()) != 1 {
					t.Errorf("%v, %d printed; want it accepted", rec, len(sim.Prints()))
				}
			})
		})
	}
}

// A cache in front of a vendor answers the look-ups of one reference with what it kept from
// before the piece was listed, under a date of its own. It proves nothing: the piece is there.
func TestACachedLookUpProvesNoAbsence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ref atomic.Value
		ref.Store("none yet")
		kept := time.Now()
		sim, c := fronted(t, postgrid.Name, func(w http.ResponseWriter, r *http.Request, vendor http.Handler) {
			switch {
			case submits(r) && ref.Load() == "none yet":
				vendor.ServeHTTP(httptest.NewRecorder(), r)
				w.WriteHeader(http.StatusBadGateway)
			case strings.Contains(r.URL.RawQuery, ref.Load().(string)): //nolint:errcheck // nothing else is stored
				w.Header().Set("Age", strconv.Itoa(int(time.Since(kept).Seconds())))
				_, _ = w.Write([]byte(`{"object":"list","data":[],"skip":0,"limit":10,"totalCount":0}`))
			default:
				vendor.ServeHTTP(w, r)
			}
		})
		_, _ = c.Submit(t.Context(), job("a"))
		ref.Store(string(status(t, c, "a").Submissions[0].Ref))
		time.Sleep(time.Minute)
		if _, err := c.Submit(t.Context(), job("b")); err != nil { // the control piece
			t.Fatal(err)
		}
		runFor(t, c, 24*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Unknown || len(sim.Prints()) != 2 {
			t.Errorf("%v, %d printed; want it unknown, and a piece for each job", rec, len(sim.Prints()))
		}
	})
}
