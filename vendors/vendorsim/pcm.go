package vendorsim

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof"
)

// PCMConfig says how the PCM API behaves where accounts differ or its
// documentation leaves a choice.
type PCMConfig struct {
	// TokenTTL is the life of a login; 0 means an hour.
	TokenTTL time.Duration
	// FreeRefOnCancel lets a reference be used again after its order was
	// canceled. Otherwise it stays taken.
	FreeRefOnCancel bool
	// ProcessSandbox lets sandbox orders go to press like the others; PCM leaves
	// them pending.
	ProcessSandbox bool
	// RateLimit is the number of requests in a second for each key; 0 means
	// none, as PCM states none.
	RateLimit int
}

// pcm is PCM's DirectMail API, version 3.
type pcm struct {
	in     *instance
	cfg    PCMConfig
	limit  *limiter
	logins atomic.Int64
	// decoded holds the orders' data by id.
	decoded sync.Map
}

func newPCM(in *instance, cfg PCMConfig) *pcm {
	cfg.TokenTTL = cmp.Or(cfg.TokenTTL, time.Hour)
	return &pcm{in: in, cfg: cfg, limit: newLimiter(cmp.Or(cfg.RateLimit, -1), time.Second)}
}

func (p *pcm) credentials() []Credential {
	return []Credential{
		{Mode: postproof.ModeTest, Key: "sandbox-" + p.in.name, Secret: "sandbox-secret-" + p.in.name},
		{Mode: postproof.ModeLive, Key: "production-" + p.in.name, Secret: "production-secret-" + p.in.name},
	}
}

func (p *pcm) opOf(r *http.Request) op {
	switch path := r.URL.Path; {
	case path == "/auth/login":
		return opLogin
	case r.Method == http.MethodDelete || path == "/order/bulk-cancel":
		return opCancel
	case r.Method == http.MethodPost:
		return opSend
	default:
		parts := strings.Split(strings.Trim(path, "/"), "/")
		if len(parts) == 2 && parts[1] != "undeliverable" {
			return opRead
		}
		return opList
	}
}

// ServeHTTP implements [http.Handler].
func (p *pcm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/auth/login" && r.Method == http.MethodPost {
		p.login(w, r)
		return
	}
	mode, ok := p.authenticate(r)
	if !ok {
		pcmUnauthorized().write(w)
		return
	}
	if p.limit != nil {
		if left, reset := p.limit.take(string(mode), p.in.sim.now()); left < 0 {
			p.in.sim.mu.Lock()
			p.in.stats.Throttled++
			p.in.sim.mu.Unlock()
			p.throttled(w, reset.Sub(p.in.sim.now()))
			return
		}
	}
	p.route(w, r, mode)
}

func (p *pcm) route(w http.ResponseWriter, r *http.Request, mode postproof.Mode) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	for len(parts) < 3 {
		parts = append(parts, "")
	}
	switch at := r.Method + " " + parts[0]; {
	case len(parts) > 3:
		pcmProblem(http.StatusNotFound, "The endpoint could not be found").write(w)
	case at == "POST order" && parts[1] == "bulk-cancel" && parts[2] == "":
		p.bulkCancel(w, r, mode)
	case at == "POST order" && pcmProduct(parts[1]) && parts[2] == "":
		p.place(w, r, mode, parts[1])
	case at == "GET order" && parts[1] == "":
		p.listOrders(w, r, mode, 0, "/order")
	case at == "GET order" && parts[2] == "":
		p.getOrder(w, r, mode, parts[1])
	case at == "GET order" && parts[2] == "recipients":
		p.orderRecipients(w, r, mode, parts[1])
	case at == "DELETE order" && parts[1] != "" && parts[2] == "":
		p.cancel(w, r, mode, parts[1])
	case at == "GET batch" && parts[1] == "":
		p.listBatches(w, r, mode)
	case at == "GET batch":
		p.batch(w, r, mode, parts[1], parts[2])
	case at == "GET recipient" && parts[1] == "undeliverable" && parts[2] == "":
		p.undeliverable(w, r, mode)
	default:
		pcmProblem(http.StatusNotFound, "The endpoint could not be found").write(w)
	}
}

func pcmProduct(name string) bool {
	return name == "postcard" || name == "letter" || name == "brochure"
}

// login answers POST /auth/login with a token that says by itself what it is
// good for, so that it outlives a restart.
func (p *pcm) login(w http.ResponseWriter, r *http.Request) {
	var in struct {
		APIKey    string `json:"apiKey"`
		APISecret string `json:"apiSecret"`
		Child     string `json:"childRefNbr"`
	}
	body, err := readBody(r, 1<<16)
	if err != nil || json.Unmarshal(body, &in) != nil || in.APIKey == "" || in.APISecret == "" {
		pcmProblem(http.StatusBadRequest, "apiKey and apiSecret are required").write(w)
		return
	}
	if len(in.Child) > 50 {
		pcmProblemAt(http.StatusBadRequest, "childRefNbr must be at most 50 characters", "childRefNbr").write(w)
		return
	}
	dec := p.in.decide(opLogin, in.APIKey)
	if !p.in.before(w, r, dec) {
		return
	}
	for _, c := range p.credentials() {
		if in.APIKey == c.Key && subtle.ConstantTimeCompare([]byte(in.APISecret), []byte(c.Secret)) == 1 {
			expires := p.in.sim.now().Add(p.cfg.TokenTTL)
			p.in.answer(w, r, dec, http.StatusOK, map[string]any{
				"token": p.token(c.Mode, expires), "expires": lobTimestamp(expires),
			})
			return
		}
	}
	p.in.reject(w, dec, http.StatusUnauthorized, pcmProblem(http.StatusUnauthorized, "Your API Secret or Key is invalid").body)
}

type pcmClaims struct {
	Mode    postproof.Mode `json:"mode"`
	Expires int64          `json:"exp"`
	ID      string         `json:"jti"`
}

func (p *pcm) token(mode postproof.Mode, expires time.Time) string {
	claims, err := json.Marshal(pcmClaims{mode, expires.Unix(), strconv.FormatInt(p.logins.Add(1), 10)})
	if err != nil {
		panic(http.ErrAbortHandler) // three plain values always encode
	}
	enc := base64.RawURLEncoding
	unsigned := enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString(claims)
	return unsigned + "." + enc.EncodeToString(p.sign(unsigned))
}

func (p *pcm) sign(unsigned string) []byte {
	mac := hmac.New(sha256.New, []byte(p.in.name+strconv.FormatUint(p.in.sim.seed, 10)))
	mac.Write([]byte(unsigned))
	return mac.Sum(nil)
}

func (p *pcm) authenticate(r *http.Request) (postproof.Mode, bool) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	cut := strings.LastIndexByte(token, '.')
	if !ok || cut < 0 {
		return "", false
	}
	mac, err := base64.RawURLEncoding.DecodeString(token[cut+1:])
	if err != nil || !hmac.Equal(mac, p.sign(token[:cut])) {
		return "", false
	}
	_, payload, _ := strings.Cut(token[:cut], ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	var claims pcmClaims
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		return "", false
	}
	return claims.Mode, p.in.sim.now().Before(time.Unix(claims.Expires, 0))
}

// expired carries out an [AuthExpired] for a request about the reference.
func (p *pcm) expired(w http.ResponseWriter, ref string) bool {
	dec := p.in.decide(opAuth, ref)
	if !dec.is(AuthExpired) {
		return false
	}
	p.in.keep(dec)
	pcmUnauthorized().write(w)
	return true
}

func pcmUnauthorized() *problem {
	return pcmProblem(http.StatusUnauthorized, "Unauthorized (did you forget your token?)")
}

func (p *pcm) fail(w http.ResponseWriter, status int) {
	pcmProblem(status, http.StatusText(status)).write(w)
}

func (p *pcm) throttled(w http.ResponseWriter, retryAfter time.Duration) {
	if retryAfter > 0 {
		setRetryAfter(w, retryAfter)
	}
	pcmProblem(http.StatusTooManyRequests, "Too many requests").write(w)
}

func (p *pcm) empty(w http.ResponseWriter, r *http.Request) {
	switch p.opOf(r) {
	case opList:
		if r.URL.Path == "/recipient/undeliverable" {
			writeJSON(w, http.StatusOK, []any{})
			return
		}
		page := pcmPage{number: 1, size: 10}
		writeJSON(w, http.StatusOK, page.body(nil, 0, r.URL.Path, nil))
	case opRead:
		pcmProblem(http.StatusNotFound, "could not be found").write(w)
	case opSend, opCancel, opLogin, opAuth:
		w.WriteHeader(http.StatusOK)
	}
}

// pcmProblem returns an error answer with one message.
func pcmProblem(status int, message string) *problem { return pcmProblemAt(status, message, "") }

// pcmProblemAt names the property that is wrong, too.
func pcmProblemAt(status int, message, property string) *problem {
	var at *string
	if property != "" {
		at = &property
	}
	return &problem{status, map[string]any{
		"error": map[string]any{
			"code": status, "message": "One or more errors occurred",
			"data": []any{map[string]any{"message": message, "property": at}},
		},
		"documentation": "https://docs.pcmintegrations.com",
	}}
}
