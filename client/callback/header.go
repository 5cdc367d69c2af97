package callback

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof/vendors"
)

// never are headers that are not stored, whoever asks for them.
func never(name string) bool {
	switch name {
	case "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie":
		return true
	default:
		return false
	}
}

// pick returns the headers of the names.
func pick(h http.Header, names ...[]string) http.Header {
	out := http.Header{}
	for _, list := range names {
		for _, name := range list {
			name = http.CanonicalHeaderKey(name)
			if values := h.Values(name); len(values) > 0 && !never(name) {
				out[name] = slices.Clone(values)
			}
		}
	}
	return out
}

// kept returns the headers that are stored with a verified callback: those
// without which it does not verify, which is found out by leaving each away, and
// those that the adapter reads.
func (a *account) kept(v vendors.Verifier, h http.Header, raw []byte, at time.Time) http.Header {
	always := append([]string{"Content-Type"}, a.keep...)
	if a.route.unsigned {
		return pick(h, always)
	}
	if names := a.needed.Load(); names != nil {
		if out := pick(h, *names, always); verify(v, out, raw, at) == nil {
			return out
		}
	}
	rest := http.Header{}
	for name, values := range h {
		if !never(name) {
			rest[name] = values
		}
	}
	if verify(v, rest, raw, at) != nil { // it needs what is never stored
		return pick(h, always)
	}
	var names []string
	for name, values := range h {
		if never(name) {
			continue
		}
		delete(rest, name)
		if verify(v, rest, raw, at) != nil {
			rest[name] = values
			names = append(names, name)
		}
	}
	a.needed.Store(&names)
	return pick(h, names, always)
}

// flat is the form in which headers are stored. A value cannot hold a line
// break.
func flat(h http.Header) map[string]string {
	if len(h) == 0 {
		return nil
	}
	out := make(map[string]string, len(h))
	for name, values := range h {
		out[name] = strings.Join(values, "\n")
	}
	return out
}

func unflat(stored map[string]string) http.Header {
	h := make(http.Header, len(stored))
	for name, values := range stored {
		h[name] = strings.Split(values, "\n")
	}
	return h
}
