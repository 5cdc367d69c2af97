package retry_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

// A server that closes an idle connection just when the next request comes:
// net/http sends the request again by itself, if it may.
func TestHiddenResend(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		class  postproof.Repeat
		noBody bool
		seen   int
	}{
		{"keyed", postproof.RepeatKeyed, false, 2},
		{"keyed, no body", postproof.RepeatKeyed, true, 2},
		{"never", postproof.RepeatNever, false, 1},
		{"never, no body", postproof.RepeatNever, true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &vendor{serve: func(n int, conn net.Conn, _ []byte) bool {
					return n != 1 && answer(conn, 200, "ok")
				}}
				var sends []retry.Send
				budget, err := retry.NewBudget(retry.BudgetConfig{})
				if err != nil {
					t.Fatal(err)
				}
				s := newSender(t, v, retry.Config{
					Budget: budget,
					OnSend: func(_ context.Context, send retry.Send) { sends = append(sends, send) },
				})
				if _, err := s.Do(t.Context(), get()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // the connection is idle
				sends = nil
				r := post(tt.class)
				if tt.noBody {
					r.Body, r.ContentLength = nil, 0
				}
				resp, err := s.Do(t.Context(), r)
				if got := v.count() - 1; got != tt.seen || len(sends) != tt.seen {
					t.Fatalf("vendor saw %d, hook %d; want %d: %v", got, len(sends), tt.seen, err)
				}
				for _, h := range v.header[1:] {
					if h.Get("Idempotency-Key") != "KEY123" {
						t.Errorf("the vendor got no key: %v", h)
					}
				}
				if tt.class == postproof.RepeatNever {
					e, detail := failed(t, resp, err)
					if e.Delivery != postproof.Unknown || detail.Sends != 1 {
						t.Errorf("got %v, %d sends; want unknown, 1", e.Delivery, detail.Sends)
					}
					// The gate would stop it; net/http should not even try.
					if dials, _ := v.conns(); dials != 1 {
						t.Errorf("%d connections made, want 1: net/http tried again", dials)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if len(resp.Attempts) != 1 || resp.Sends != 2 || resp.Attempts[0].Sends != 2 || !sends[1].Hidden {
					t.Errorf("attempts %d, sends %d, hidden %v; want 1, 2, true", len(resp.Attempts), resp.Sends, sends[1].Hidden)
				}
				if got := budget.Stats().Retries; got != 1 {
					t.Errorf("budget was charged for %d, want 1", got)
				}
			})
		})
	}
}

// The answer to the repeat of net/http says nothing about the send before it:
// a refusal must not hide that the vendor may have taken the first one.
func TestHiddenResendRefusedIsUnknown(t *testing.T) {
	t.Parallel()
	for _, status := range []int{422, 429} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &vendor{serve: func(n int, conn net.Conn, _ []byte) bool {
					switch n {
					case 0:
						return answer(conn, 200, "ok")
					case 1: // took it, and lost the connection
						return false
					default:
						return answer(conn, status, "no")
					}
				}}
				s := newSender(t, v, retry.Config{MaxAttempts: 1})
				if _, err := s.Do(t.Context(), get()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				resp, err := s.Do(t.Context(), post(postproof.RepeatKeyed))
				e, detail := failed(t, resp, err)
				if v.count() != 3 || detail.Attempts[0].Sends != 2 {
					t.Fatalf("the vendor saw %d requests, the attempt counts %d sends", v.count()-1, detail.Attempts[0].Sends)
				}
				if e.Delivery != postproof.Unknown || detail.Attempts[0].Delivery != postproof.Unknown {
					t.Errorf("delivery %v, of the attempt %v; want unknown", e.Delivery, detail.Attempts[0].Delivery)
				}
			})
		})
	}
}

// The repeat of net/http stands under the not-after, too.
func TestHiddenResendTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: func(n int, conn net.Conn, _ []byte) bool {
			if n == 1 {
				time.Sleep(2 * time.Second)
				return false
			}
			return answer(conn, 200, "ok")
		}}
		s := newSender(t, v, retry.Config{})
		if _, err := s.Do(t.Context(), get()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r := post(postproof.RepeatKeyed)
		r.NotAfter = time.Now().Add(time.Second)
		resp, err := s.Do(t.Context(), r)
		e, detail := failed(t, resp, err)
		if v.count() != 2 || detail.Sends != 1 || e.Delivery != postproof.Unknown || !errors.Is(err, retry.ErrTooLate) {
			t.Errorf("seen %d, sends %d, %v: %v", v.count()-1, detail.Sends, e.Delivery, err)
		}
	})
}
