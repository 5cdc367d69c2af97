package vendorsim

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof"
)

// LobConfig says how the Lob API behaves where accounts differ or its
// documentation leaves a choice.
type LobConfig struct {
	// RefKeys are the metadata keys that hold the sender's reference, the first
	// that is there counts; nil means postproof_ref, ref.
	RefKeys []string
	// KeyTTL is how long an idempotency key is remembered; 0 means 24 hours.
	KeyTTL time.Duration
	// ConflictOnChange answers 422 conflict to a used key with another body.
	// Otherwise, as the documentation reads, the existing piece is returned.
	ConflictOnChange bool
	// RateLimit is the number of requests in five seconds for each key and
	// endpoint; 0 means 150, a negative number none.
	RateLimit int
	// RetryAfter adds that header to a 429. Lob does not document it.
	RetryAfter bool
	// CancelWindow is how long after its creation a piece without a send_date
	// can be canceled; 0 means five minutes.
	CancelWindow time.Duration
	// MaxFile is the most bytes of an uploaded file; 0 means 5 MiB.
	MaxFile int64
	// TestTracking gives pieces of the test mode tracking events, which Lob
	// has for live ones only.
	TestTracking bool
}

// lob is Lob's Print & Mail API, version 1.
type lob struct {
	in    *instance
	cfg   LobConfig
	limit *limiter
	// recent holds data of orders, by number.
	recent [lobRecent]atomic.Pointer[lobDecoded]
}

func newLob(in *instance, cfg LobConfig) *lob {
	if cfg.RefKeys == nil {
		cfg.RefKeys = []string{"postproof_ref", "ref"}
	}
	cfg.KeyTTL = cmp.Or(cfg.KeyTTL, 24*time.Hour)
	cfg.CancelWindow = cmp.Or(cfg.CancelWindow, 5*time.Minute)
	cfg.MaxFile = cmp.Or(cfg.MaxFile, lobMaxFile)
	return &lob{in: in, cfg: cfg, limit: newLimiter(cmp.Or(cfg.RateLimit, 150), 5*time.Second)}
}

// lobKind is a resource: the names by which it goes in paths, ids and answers.
type lobKind struct {
	path, prefix, object, asset string
	art                         []string // the artwork fields
	sizes                       []string // the first is the default
}

func lobKindOf(path string) (lobKind, bool) {
	switch path {
	case "postcards":
		return lobKind{
			path: "postcards", prefix: "psc_", object: "postcard", asset: "postcards",
			art: []string{"front", "back"}, sizes: []string{"4x6", "6x9", "6x11"},
		}, true
	case "letters":
		return lobKind{
			path: "letters", prefix: "ltr_", object: "letter", asset: "letters",
			art: []string{"file"}, sizes: []string{"us_letter", "us_legal"},
		}, true
	case "self_mailers":
		return lobKind{
			path: "self_mailers", prefix: "sfm_", object: "self_mailer", asset: "self-mailers",
			art: []string{"inside", "outside"}, sizes: []string{"6x18_bifold", "11x9_bifold", "12x9_bifold", "17.75x9_trifold"},
		}, true
	default:
		return lobKind{}, false
	}
}

func (l *lob) credentials() []Credential {
	return []Credential{
		{Mode: postproof.ModeTest, Key: "test_sim" + l.in.name},
		{Mode: postproof.ModeLive, Key: "live_sim" + l.in.name},
	}
}

// split takes a path apart: /v1/postcards/psc_1 is postcards and psc_1.
func (l *lob) split(r *http.Request) (resource, id string, ok bool) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	resource, id, _ = strings.Cut(rest, "/")
	return resource, id, ok && !strings.Contains(id, "/")
}

func (l *lob) opOf(r *http.Request) op {
	_, id, _ := l.split(r)
	switch {
	case r.Method == http.MethodPost:
		return opSend
	case r.Method == http.MethodDelete:
		return opCancel
	case id == "":
		return opList
	default:
		return opRead
	}
}

// ServeHTTP implements [http.Handler].
func (l *lob) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mode, key, problem := l.authenticate(r)
	if problem != nil {
		problem.write(w)
		return
	}
	resource, id, ok := l.split(r)
	kind, known := lobKindOf(resource)
	if !ok || !known {
		lobProblem(http.StatusNotFound, "unrecognized_endpoint", "the requested endpoint doesn't exist").write(w)
		return
	}
	endpoint := r.Method + " " + resource
	if id != "" {
		endpoint += "/{id}" // one of its own, in the documentation
	}
	if !l.admit(w, endpoint+" "+key) {
		return
	}
	if v := r.Header.Get("Lob-Version"); v != "" {
		// "All versions prior to, and inclusive of, 2019-02-11 have been sunsetted."
		if _, err := time.Parse(time.DateOnly, v); err != nil || v <= "2019-02-11" {
			lobProblem(http.StatusUnprocessableEntity, "unsupported_lob_version", "unsupported Lob-Version").write(w)
			return
		}
	}
	switch {
	case r.Method == http.MethodPost && id == "":
		l.create(w, r, mode, kind)
	case r.Method == http.MethodGet && id == "":
		l.list(w, r, mode, kind)
	case r.Method == http.MethodGet:
		l.retrieve(w, r, mode, kind, id)
	case r.Method == http.MethodDelete && id != "":
		l.cancel(w, r, mode, kind, id)
	default:
		lobProblem(http.StatusNotFound, "unrecognized_endpoint", "the requested endpoint doesn't exist").write(w)
	}
}

func (l *lob) authenticate(r *http.Request) (postproof.Mode, string, *problem) {
	key, _, ok := r.BasicAuth()
	if !ok || key == "" {
		return "", "", lobProblem(http.StatusUnauthorized, "unauthorized", "missing authentication")
	}
	for _, c := range l.credentials() {
		if c.Key == key {
			return c.Mode, key, nil
		}
	}
	if strings.HasPrefix(key, "test_pub") || strings.HasPrefix(key, "live_pub") {
		return "", "", lobProblem(http.StatusForbidden, "publishable_key_not_allowed", "the operation needs a secret key")
	}
	return "", "", lobProblem(http.StatusUnauthorized, "invalid_api_key", "Your API key is not valid.")
}

// admit counts the request against the rate limit and sets the headers, under
// both names that the documentation uses.
func (l *lob) admit(w http.ResponseWriter, name string) bool {
	if l.limit == nil {
		return true
	}
	left, reset := l.limit.take(name, l.in.sim.now())
	// Rounded up, as a client that waits until then must find it over.
	epoch := strconv.FormatInt(reset.Add(time.Second-1).Unix(), 10)
	for _, prefix := range []string{"ratelimit-", "X-Rate-Limit-"} {
		w.Header().Set(prefix+"limit", strconv.Itoa(l.limit.limit))
		w.Header().Set(prefix+"remaining", strconv.Itoa(max(left, 0)))
		w.Header().Set(prefix+"reset", epoch)
	}
	if left >= 0 {
		return true
	}
	l.in.sim.mu.Lock()
	l.in.stats.Throttled++
	l.in.sim.mu.Unlock()
	wait := time.Duration(0)
	if l.cfg.RetryAfter {
		wait = reset.Sub(l.in.sim.now())
	}
	l.throttled(w, wait)
	return false
}

func (l *lob) throttled(w http.ResponseWriter, retryAfter time.Duration) {
	if retryAfter > 0 {
		setRetryAfter(w, retryAfter)
	}
	lobProblem(http.StatusTooManyRequests, "rate_limit_exceeded",
		"Rate limit exceeded. Please wait 5 seconds and try your request again.").write(w)
}

// setRetryAfter sets the header in whole seconds, rounded up.
func setRetryAfter(w http.ResponseWriter, d time.Duration) {
	w.Header().Set("Retry-After", strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10))
}

func (l *lob) fail(w http.ResponseWriter, status int) {
	if status == http.StatusServiceUnavailable {
		lobProblem(status, "service_unavailable", "The Lob servers are temporarily unavailable. Please try again.").write(w)
		return
	}
	lobProblem(status, "internal_server_error", "An error has occurred on Lob's servers. Please try your request again.").write(w)
}

func (l *lob) empty(w http.ResponseWriter, r *http.Request) {
	switch l.opOf(r) {
	case opList:
		writeJSON(w, http.StatusOK, map[string]any{
			"object": "list", "data": []any{}, "count": 0, "next_url": nil, "previous_url": nil,
		})
	case opRead:
		lobProblem(http.StatusNotFound, "not_found", "not found").write(w)
	case opSend, opCancel, opLogin, opAuth:
		w.WriteHeader(http.StatusOK)
	}
}

// problem is an error answer.
type problem struct {
	status int
	body   any
}

func (p *problem) Error() string { return http.StatusText(p.status) }

func (p *problem) write(w http.ResponseWriter) { writeJSON(w, p.status, p.body) }

func lobProblem(status int, code, message string) *problem {
	return &problem{status, map[string]any{
		"error": map[string]any{"message": message, "status_code": status, "code": code},
	}}
}
