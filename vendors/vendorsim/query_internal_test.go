package vendorsim

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
)

// slowLog takes a line when it is told to.
type slowLog struct{ next chan struct{} }

func (l slowLog) Write(b []byte) (int, error) {
	<-l.next
	return len(b), nil
}

// Nobody is told of an order that is not on disk, in whatever way it is found.
func TestWhatIsFoundIsOnDisk(t *testing.T) {
	t.Parallel()
	for what, find := range map[string]func(in *instance) (int, error){
		"get": func(in *instance) (int, error) {
			in.sim.mu.Lock()
			id := in.orders[0].ID
			in.sim.mu.Unlock()
			o, _, err := in.get("live", "", id)
			if o == nil {
				return 0, err
			}
			return 1, err
		},
		"query": func(in *instance) (int, error) {
			views, _, err := in.query("", func(*order) bool { return true }, func(all []*order) []*order { return all })
			return len(views), err
		},
		"each": func(in *instance) (n int, err error) {
			_, err = in.each(func(*order) bool { return true }, func(*order) { n++ })
			return n, err
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := slowLog{make(chan struct{})}
				s, err := New(Config{Vendors: []Vendor{{Name: "lob"}}, PrintWriter: log})
				if err != nil {
					t.Fatal(err)
				}
				in := s.vendors["lob"]
				go func() {
					r := httptest.NewRequest(http.MethodPost, "/v1/postcards", strings.NewReader(`{`+lobTo+`,"front":"<b>a</b>","back":"<b>b</b>"}`))
					r.Header.Set("Content-Type", "application/json")
					r.SetBasicAuth("live_simlob", "")
					in.ServeHTTP(httptest.NewRecorder(), r)
				}()
				synctest.Wait()
				found := 0
				go func() {
					if found, err = find(in); err != nil {
						t.Error(err)
					}
				}()
				synctest.Wait()
				if found != 0 {
					t.Error("it is shown before it is on disk")
				}
				close(log.next)
				synctest.Wait()
				if found != 1 {
					t.Errorf("%d orders are found, want 1", found)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
