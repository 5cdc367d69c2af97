package vendorsim

import (
	"cmp"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/postproof/postproof"
)

// PostGridConfig says how the PostGrid API behaves where accounts differ or its
// documentation leaves a choice.
type PostGridConfig struct {
	// RefKeys are the metadata keys that hold the sender's reference, the first
	// that is there counts; nil means postproof_ref, ref. Without any, the
	// description is the reference.
	RefKeys []string
	// IdempotencyKeys honors the header Idempotency-Key on orders: a repeat is
	// answered with the first order, whatever its body. Otherwise it is ignored,
	// as PostGrid documents it for other resources only.
	IdempotencyKeys bool
	// KeyTTL is how long a key is remembered; 0 means 24 hours.
	KeyTTL time.Duration
	// TestTracking lets orders of the test mode go the way of live ones. Otherwise
	// they are completed when a live one would be printed.
	TestTracking bool
	// BareCallbacks sends events as the token in PostGrid's first library shows one: the
	// type and the order, neither of which says what it is, and no id. Otherwise they
	// are as in the event log.
	BareCallbacks bool
	// LogAllEvents has every event in the event log. Otherwise it has those that a
	// webhook of the same mode listened for at that time.
	LogAllEvents bool
}

// postgrid is PostGrid's Print & Mail API, version 1.
type postgrid struct {
	in   *instance
	cfg  PostGridConfig
	zone *time.Location // of the midnight at which orders are printed

	// The simulator's mutex guards what follows.
	progress map[string][]time.Time // of test orders, by id
	hooks    []*pgHook              // every version, in the order of creation
}

func newPostGrid(in *instance, cfg PostGridConfig) (*postgrid, error) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		return nil, fmt.Errorf("vendorsim: postgrid prints at midnight Eastern time: add import _ \"time/tzdata\" to the program: %w", err)
	}
	if cfg.RefKeys == nil {
		cfg.RefKeys = []string{"postproof_ref", "ref"}
	}
	cfg.KeyTTL = cmp.Or(cfg.KeyTTL, 24*time.Hour)
	return &postgrid{in: in, cfg: cfg, zone: zone, progress: map[string][]time.Time{}}, nil
}

// pgKind is a product: the names by which it goes in paths, ids and answers.
type pgKind struct {
	path, object string
	sides        []string // that the artwork's fields begin with
	sizes        []string
	defaultSize  string // empty: the size is required
}

func pgKindOf(path string) (pgKind, bool) {
	switch path {
	case "postcards":
		return pgKind{path: path, object: "postcard", sides: []string{"front", "back"}, sizes: []string{"6x4", "9x6", "11x6"}}, true
	case "letters":
		return pgKind{path: path, object: "letter", sides: []string{""}, sizes: []string{"us_letter", "a4"}, defaultSize: "us_letter"}, true
	case "self_mailers":
		return pgKind{
			path: path, object: "self_mailer", sides: []string{"inside", "outside"},
			sizes: []string{"8.5x11_bifold", "8.5x11_trifold", "9.5x16_trifold"},
		}, true
	default:
		return pgKind{}, false
	}
}

func (p *postgrid) credentials() []Credential {
	return []Credential{
		{Mode: postproof.ModeTest, Key: "test_sk_sim" + p.in.name},
		{Mode: postproof.ModeLive, Key: "live_sk_sim" + p.in.name},
	}
}

const pgPrefix = "/print-mail/v1/"

// pgPath is a path taken apart: /print-mail/v1/letters/letter_1/progressions.
type pgPath struct {
	resource, id, action string
	ok                   bool
}

func pgSplit(r *http.Request) pgPath {
	rest, ok := strings.CutPrefix(r.URL.Path, pgPrefix)
	parts := strings.Split(rest, "/")
	for len(parts) < 3 {
		parts = append(parts, "")
	}
	return pgPath{parts[0], parts[1], parts[2], ok && len(parts) == 3}
}

func (p *postgrid) opOf(r *http.Request) op {
	at := pgSplit(r)
	_, isOrder := pgKindOf(at.resource)
	switch {
	case isOrder && r.Method == http.MethodPost && at.id == "":
		return opSend
	case isOrder && (r.Method == http.MethodDelete || at.action == "cancellation"):
		return opCancel
	case r.Method == http.MethodGet && at.id == "":
		return opList
	default:
		return opRead
	}
}

// ServeHTTP implements [http.Handler].
func (p *postgrid) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mode, ok := p.authenticate(r)
	if !ok {
		pgProblem(http.StatusUnauthorized, "missing_auth_error", "Invalid API key").write(w)
		return
	}
	at := pgSplit(r)
	kind, isOrder := pgKindOf(at.resource)
	switch what := r.Method + " " + at.action; {
	case !at.ok:
		pgNoEndpoint().write(w)
	case at.resource == "webhooks":
		p.webhook(w, r, mode, at)
	case at.resource == "events" && r.Method == http.MethodGet && at.id == "":
		p.listEvents(w, r, mode)
	case !isOrder:
		pgNoEndpoint().write(w)
	case what == "POST " && at.id == "":
		p.create(w, r, mode, kind)
	case what == "GET " && at.id == "":
		p.list(w, r, mode, kind)
	case what == "GET ":
		p.retrieve(w, r, mode, kind, at.id, p.object)
	case what == "GET url":
		p.retrieve(w, r, mode, kind, at.id, p.preview)
	case what == "DELETE " && at.id != "", what == "POST cancellation":
		p.cancel(w, r, mode, kind, at.id)
	case what == "POST progressions":
		p.step(w, r, mode, kind, at.id)
	default:
		pgNoEndpoint().write(w)
	}
}

func (p *postgrid) authenticate(r *http.Request) (postproof.Mode, bool) {
	key := r.Header.Get("X-Api-Key")
	for _, c := range p.credentials() {
		if subtle.ConstantTimeCompare([]byte(key), []byte(c.Key)) == 1 {
			return c.Mode, true
		}
	}
	return "", false
}

func (p *postgrid) throttled(w http.ResponseWriter, retryAfter time.Duration) {
	if retryAfter > 0 {
		setRetryAfter(w, retryAfter)
	}
	pgProblem(http.StatusTooManyRequests, "rate_limit_exceeded_error", "Too many requests").write(w)
}

func (p *postgrid) fail(w http.ResponseWriter, status int) {
	kind := "internal_service_error"
	if status == http.StatusServiceUnavailable {
		kind = "service_unavailable_error"
	}
	pgProblem(status, kind, http.StatusText(status)).write(w)
}

func (p *postgrid) empty(w http.ResponseWriter, r *http.Request) {
	switch p.opOf(r) {
	case opList:
		writeJSON(w, http.StatusOK, pgList(nil, pgPage{limit: 10}))
	case opRead:
		pgProblem(http.StatusNotFound, "not_found_error", "not found").write(w)
	case opSend, opCancel, opLogin, opAuth:
		w.WriteHeader(http.StatusOK)
	}
}

// pgProblem returns an error answer, which says of itself that it is one: the first
// official library reads that. The types are those of PostGrid's OpenAPI file
// (openapi.yaml of github.com/postgrid/postgrid-node at be5ba4b9), which leaves open
// those of a 422, but for invalid_progression_error, and of a 500.
func pgProblem(status int, kind, message string) *problem {
	return &problem{status, map[string]any{"object": "error", "error": map[string]any{"type": kind, "message": message}}}
}

func pgInvalid(message string) *problem {
	return pgProblem(http.StatusBadRequest, "validation_error", message)
}

func pgNoEndpoint() *problem {
	return pgProblem(http.StatusNotFound, "not_found_error", "the endpoint does not exist")
}

func pgNotFound(object string) *problem {
	return pgProblem(http.StatusNotFound, "not_found_error", object+" not found")
}
