package vendorsim

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"slices"
	"strings"
	"time"
)

// Plan says which faults strike, and how often. The zero plan has none. It
// reads from and writes to JSON.
type Plan struct {
	Rules   []Rule   `json:"rules,omitempty"`
	Windows []Window `json:"windows,omitempty"`
}

// Rule makes requests fail at a boundary.
type Rule struct {
	// Vendor limits the rule to one vendor; empty means all.
	Vendor   string   `json:"vendor,omitempty"`
	Boundary Boundary `json:"boundary"`
	// Rate is the share of the requests that are struck, 0 to 1. Where several
	// rules strike the same request, the draw decides among them.
	Rate float64 `json:"rate"`
	// First limits the rule to the first so many requests for a reference, or
	// events about its piece; 0 means no limit. Rate 1 with First 1 makes every
	// first try fail.
	First int `json:"first,omitempty"`
	// From and Until limit the rule to a window on the simulator's clock; zero
	// means open.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Delay is how long late, slow and throttled answers take or ask for (real
	// time; defaults 30 s, 200 ms and 2 s), or how long after its acceptance a
	// piece fails or stays out of lists (simulator's clock; defaults 2 min
	// and 10 min), or how much a callback is put off (simulator's clock; late
	// 6 h, twice and disorder 1 s, batch 5 min).
	Delay Duration `json:"delay,omitzero"`
}

// Window is an outage on the simulator's clock.
type Window struct {
	// Vendor is who is out; empty means all.
	Vendor string    `json:"vendor,omitempty"`
	Kind   Outage    `json:"kind"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
}

// Duration is a [time.Duration] that reads and writes as "1m30s".
type Duration time.Duration

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// NoFaults returns the empty plan.
func NoFaults() Plan { return Plan{} }

// OutagePlan returns a plan in which the vendor (empty: every vendor) answers
// 503 from start for d.
func OutagePlan(vendor string, start time.Time, d time.Duration) Plan {
	return Plan{Windows: []Window{{Vendor: vendor, Kind: OutageError, From: start, Until: start.Add(d)}}}
}

// ChaosPlan returns a plan in which every boundary of a send is struck in 4 %
// or more of the sends outside outages, and reads, lists and cancellations about as often. It
// has no outage window, as it does not know how long the run is: a caller adds
// one (a fifth of the run is customary) to Windows, or switches one on and off
// by [Sim.SetOutage].
func ChaosPlan() Plan {
	var p Plan
	for _, b := range Boundaries() {
		rule := Rule{Boundary: b, Rate: 0.04}
		switch {
		case b == ListEmpty: // see there
			continue
		case b == SendLateFailure:
			rule.Rate = 0.07 // of the accepted ones only
		case b.op() == opSend:
			rule.Rate = 0.06 // what is lost to ties leaves more than 4 %
		}
		p.Rules = append(p.Rules, rule)
	}
	return p
}

// ParsePlan returns the plan that the text names: "none" (or nothing), "outage"
// (every vendor is out for the first fifth of a day after start), "chaos", a
// plan as JSON, or the name of a file that holds one.
func ParsePlan(text string, start time.Time) (Plan, error) {
	switch trimmed := strings.TrimSpace(text); {
	case trimmed == "" || trimmed == "none":
		return NoFaults(), nil
	case trimmed == "outage":
		return OutagePlan("", start, 24*time.Hour/5), nil
	case trimmed == "chaos":
		return ChaosPlan(), nil
	case !strings.HasPrefix(trimmed, "{"):
		content, err := os.ReadFile(trimmed) //nolint:gosec // the caller names the file
		if err != nil {
			return Plan{}, fmt.Errorf("fault plan: neither a preset nor a readable file: %w", err)
		}
		text = string(content)
	}
	var p Plan
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		return Plan{}, fmt.Errorf("fault plan: %w", err)
	}
	return p, p.Validate()
}

// Validate returns an error that names the first wrong rule or window.
func (p Plan) Validate() error {
	for i, r := range p.Rules {
		if !slices.Contains(Boundaries(), r.Boundary) {
			return fmt.Errorf("fault plan: rule %d: unknown boundary %q", i, r.Boundary)
		}
		if !(r.Rate >= 0 && r.Rate <= 1) {
			return fmt.Errorf("fault plan: rule %d: rate %v is not between 0 and 1", i, r.Rate)
		}
		if r.First < 0 || r.Delay < 0 {
			return fmt.Errorf("fault plan: rule %d: first and delay must not be negative", i)
		}
	}
	for i, w := range p.Windows {
		if !slices.Contains(Outages(), w.Kind) {
			return fmt.Errorf("fault plan: window %d: unknown kind %q", i, w.Kind)
		}
		if !w.From.Before(w.Until) {
			return fmt.Errorf("fault plan: window %d: it does not end after it starts", i)
		}
	}
	return nil
}

// applies reports whether the rule can strike this request at all.
func (r *Rule) applies(vendor string, n int, now time.Time) bool {
	return (r.Vendor == "" || r.Vendor == vendor) && (r.First == 0 || n <= r.First) &&
		!now.Before(r.From) && (r.Until.IsZero() || now.Before(r.Until))
}

// delay returns the delay or the boundary's default.
func (r *Rule) delay() time.Duration {
	switch {
	case r.Delay > 0:
		return time.Duration(r.Delay)
	case r.Boundary == SendLate:
		return 30 * time.Second
	case r.Boundary == SendLateFailure:
		return 2 * time.Minute
	case r.Boundary == ListLag:
		return 10 * time.Minute
	case r.Boundary.kind() == "throttle":
		return 2 * time.Second
	case r.Boundary == CallbackLate:
		return 6 * time.Hour
	case r.Boundary == CallbackBatch:
		return 5 * time.Minute
	case r.Boundary.op() == opCallback:
		return time.Second
	default:
		return 200 * time.Millisecond
	}
}

func (b Boundary) kind() string { _, kind, _ := strings.Cut(string(b), "."); return kind }

// pick returns the rule that strikes the n-th request for the reference, or
// nil. Rules that would strike compete by how far below their rate they drew,
// so that each has the same share of the ties whatever their order.
func (p Plan) pick(seed uint64, vendor string, o op, ref string, n int, now time.Time) *Rule {
	return p.pickOf(func(b Boundary) bool { return b.op() == o && !b.ofOrder() }, seed, vendor, ref, n, now)
}

// pickOf picks among the rules of the boundaries that can strike.
func (p Plan) pickOf(can func(Boundary) bool, seed uint64, vendor, ref string, n int, now time.Time) *Rule {
	var best *Rule
	bestDraw := math.Inf(1)
	for i := range p.Rules {
		r := &p.Rules[i]
		if !can(r.Boundary) || !r.applies(vendor, n, now) {
			continue
		}
		if d := draw(seed, vendor, string(r.Boundary), ref, n); d < r.Rate && d/r.Rate < bestDraw {
			best, bestDraw = r, d/r.Rate
		}
	}
	return best
}

// forOrder returns the rule of a boundary of orders that strikes the order
// accepted by the n-th send for the reference, or nil.
func (p Plan) forOrder(seed uint64, vendor string, b Boundary, ref string, n int, now time.Time) *Rule {
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Boundary == b && r.applies(vendor, n, now) && draw(seed, vendor, string(b), ref, n) < r.Rate {
			return r
		}
	}
	return nil
}

// draw returns a number in [0, 1) that depends on its arguments only.
func draw(seed uint64, vendor, what, ref string, n int) float64 {
	h := fnv.New64a()
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], seed)
	h.Write(b[:])
	for _, s := range []string{vendor, what, ref} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
	return float64(mix(h.Sum64())>>11) / (1 << 53)
}

// mix is the finalizer of SplitMix64: FNV alone leaves the high bits of short
// inputs too alike.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
