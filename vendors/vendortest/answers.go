package vendortest

import (
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
)

// AnswerDate is the vendor's time in every answer of [Answers], as in the Date
// header.
const AnswerDate = "Mon, 02 Mar 2026 15:00:00 GMT"

// Answers returns a [Doer] whose vendor says 200 with each of the bodies in
// turn, and with the last one ever after, whatever it is asked. It is for what
// no simulator says: a list that never ends, a field of another type.
func Answers(bodies ...string) *Doer {
	var mu sync.Mutex
	return &Doer{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Date", AnswerDate)
		if len(bodies) > 0 {
			_, _ = w.Write([]byte(bodies[0]))
			bodies = bodies[min(1, len(bodies)-1):]
		}
	})}
}

// Asked returns what was asked for, in order, as in "GET https://…".
func (d *Doer) Asked() []string {
	all := make([]string, len(d.Sent))
	for i, s := range d.Sent {
		all[i] = s.Request.Method + " " + s.Request.URL
	}
	return all
}

// Dump returns the request as text, the same whenever the request is the same:
// the request line, the header by name, an empty line and the body. It is for
// golden files, which show that an encoder gives today the bytes that it gave
// before. It holds credentials and personal data.
func (s *Sent) Dump() string {
	r, err := http.NewRequest(s.Request.Method, s.Request.URL, http.NoBody)
	if err != nil {
		return err.Error()
	}
	r.Header = headerOf(s.Request)
	head, err := httputil.DumpRequest(r, false)
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(string(head), "\r\n", "\n") + strings.ReplaceAll(string(s.Body), "\r\n", "\\r\\n\n") + "\n"
}
