package vendortest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// Run runs the whole suite, each check as a parallel subtest on a harness of
// its own. The function is called many times, from several goroutines; it
// registers its clean-up with the t that it is given.
func Run(t *testing.T, harness func(t *testing.T) Harness) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, problem := range c.problems(t.Context(), func() Harness { return harness(t) }) {
				t.Errorf("%s\nrule: %s", problem, c.rule)
			}
		})
	}
}

// check is one rule and the code that tries to break it.
type check struct {
	name string
	rule string
	run  func(b *bench)
}

func checks() []check {
	return []check{
		{"Capabilities", "what a vendor can do is data, complete and in agreement with the adapter's interfaces", checkCapabilities},
		{"Unsupported", "what is not declared answers errors.ErrUnsupported and sends nothing", checkUnsupported},
		{"EncodeDeterministic", "the same submission gives the same bytes, today and after a restart", checkEncodeDeterministic},
		{"EncodeWhole", "what a piece would show is sent, or the job is refused as unsupported", checkEncodeWhole},
		{"EncodeRefuses", "a job that the vendor cannot print is NotSent, and nothing is sent", checkEncodeRefuses},
		{"Submit", "every declared product is accepted, with an id, our reference and the facts of the job", checkSubmit},
		{"SubmitAtOnce", "an adapter is safe for concurrent use: submissions at the same time do not mix", checkAtOnce},
		{"Prepare", "what precedes a submission orders nothing, and is found as nothing", checkPrepare},
		{"Kinds", "what works for one kind of piece works for each", checkKinds},
		{"Repeat", "a declared protection against repeats holds, in its declared form", checkRepeat},
		{"Window", "a declared time is not longer than the vendor's: that of a key, and that of a cancellation", checkWindow},
		{"SubmitBoundaries", "every fault of a submission has its Delivery; in doubt it is Unknown", checkSubmitBoundaries},
		{"RepeatBoundaries", "a repeated submission that fails is never less than Unknown when the first was accepted", checkRepeatBoundaries},
		{"SubmitJoin", "a later, milder answer never lowers an earlier Unknown", checkSubmitJoin},
		{"ForeignSubmit", "an answer to a submission that is not in the vendor's own words refuses no job and stops no vendor", checkForeignSubmit},
		{"ForeignCancel", "an answer to a cancellation that is not in the vendor's own words does not say that it is too late, or that there is no such order", checkForeignCancel},
		{"ForeignGet", "an answer to a look at an order that is not in the vendor's own words does not say that there is none", checkForeignGet},
		{"ForeignFind", "an answer to a look-up that is not in the vendor's own words proves nothing absent", checkForeignFind},
		{"ForeignLists", "an answer that is not in the vendor's own words ends a list with an error", checkForeignLists},
		{"SubmitForeign", "an order's reference is the one that the vendor's answer shows, not an echo of the submission", checkSubmitForeign},
		{"SubmitDeadline", "nothing is sent after the deadline or with a context that has ended", checkSubmitDeadline},
		{"Find", "a reference finds its orders and no others, and its absence is complete", checkFind},
		{"FindForeign", "an order is ours by its own reference, not because it was asked for", checkFindForeign},
		{"FindPages", "a reference's orders are read to the last page, and a list without an end is not complete", checkFindPages},
		{"FindAged", "a reference is found at whatever hour, and however old it is", checkFindAged},
		{"FindDamaged", "an order that cannot be read is no absence", checkFindDamaged},
		{"FindFaults", "a look-up that failed is an error, never an absence", checkFindFaults},
		{"Get", "an id finds its order; an unknown id is not_found", checkGet},
		{"Restart", "an adapter keeps no state but credentials: another process finds and cancels what one submitted", checkRestart},
		{"Journey", "a later look shows where the piece is by then", checkJourney},
		{"Cancel", "a cancellation inside the window stops the order, and one after it says that it is too late", checkCancel},
		{"List", "every order is listed, and a fault ends the list with an error", checkList},
		{"Events", "the log tells of every order, and a fault ends it with an error", checkEvents},
		{"Undeliverable", "what the vendor could not deliver is listed, dead and with its id, and a fault ends the list with an error", checkUndeliverable},
		{"Requests", "requests state their operation and class, and hold no credentials or personal data where they would be logged", checkRequests},
		{"Garbage", "no answer makes the adapter panic, or accept without an id", checkGarbage},
		{"CallbackData", "what a vendor's callbacks are like is data, in agreement with the adapter's interfaces, both ways", checkCallbackData},
		{"CallbackVerify", "what the vendor signed verifies, and what differs from it by one bit does not", checkCallbackVerify},
		{"CallbackSecrets", "no secret, an empty or a short one is refused; during a rotation the old one and the new are good", checkCallbackSecrets},
		{"CallbackTime", "a time that is signed fits the time of receipt, on either side", checkCallbackTime},
		{"CallbackParse", "an event names its piece, its stage and itself, as a look at the order does", checkCallbackParse},
		{"CallbackBatch", "a callback about several pieces tells of each", checkCallbackBatch},
		{"CallbackAccount", "an event about no piece of mail is a notice without one", checkCallbackAccount},
		{"CallbackGarbage", "no callback makes the adapter panic or is believed without a form", checkCallbackGarbage},
		{"Silence", "no error and no printed adapter holds credentials, keys or personal data", checkSilence},
	}
}

// problems returns what is wrong, nil when nothing is.
func (c check) problems(ctx context.Context, harness func() Harness) (found []string) {
	b := &bench{ctx: ctx, harness: harness}
	defer func() {
		if p := recover(); p != nil {
			if _, stopped := p.(stop); !stopped {
				b.problemf("panic: %v\n%s", p, debug.Stack())
			}
		}
		b.checkErrors()
		found = b.found
	}()
	c.run(b)
	return nil
}

// bench is what a check works with. It collects problems and every error that
// the adapter returned.
type bench struct {
	ctx     context.Context
	harness func() Harness
	found   []string
	errs    []error
	secrets []string
	serial  int
	rigs    []*rig

	fittings []fitting // of the jobs, see fit; nil before the first setup
}

type stop struct{}

func (b *bench) problemf(format string, args ...any) {
	if len(b.found) < 10 {
		b.found = append(b.found, fmt.Sprintf(format, args...))
	}
}

func (b *bench) fatalf(format string, args ...any) {
	b.problemf(format, args...)
	panic(stop{})
}

// setup returns a new harness with a store and a doer.
func (b *bench) setup() *rig {
	h := b.harness()
	if h.Adapter == nil || h.Simulator == nil {
		b.fatalf("the harness has no Adapter or no Simulator")
	}
	b.secrets = append(b.secrets, h.Secrets...)
	r := &rig{b: b, Harness: h, store: blobs{}, doer: &Doer{Handler: h.Simulator}}
	r.jobs = b.fit(h.Adapter, jobs(&h, r.store), r.store)
	if len(r.jobs) == 0 {
		b.fatalf("the capabilities declare no product that the suite can order")
	}
	b.rigs = append(b.rigs, r)
	return r
}

// rig is one harness in use.
type rig struct {
	Harness

	b     *bench
	store blobs
	doer  *Doer
	jobs  []postproof.Job
}

func (r *rig) caps() *postproof.Capabilities { return r.Adapter.Capabilities() }

// next returns a new submission of the first job.
func (r *rig) next() *vendors.Submission { return r.of(r.jobs[0]) }

func (r *rig) of(j postproof.Job) *vendors.Submission {
	r.b.serial++
	s := submission(j, r.b.serial, r.store)
	r.b.secrets = append(r.b.secrets, s.VendorKey)
	return s
}

// encode returns the body of a job that must be expressible.
func (r *rig) encode(s *vendors.Submission) *vendors.Body {
	body, err := r.Adapter.Encode(r.b.ctx, s)
	if err != nil {
		r.b.note(err)
		r.b.fatalf("Encode of a %s: %v", s.Job.Piece.Kind(), err)
	}
	return body
}

func (r *rig) submit(s *vendors.Submission) (*vendors.Order, error) {
	order, err := r.Adapter.Submit(r.b.ctx, r.doer, s, r.encode(s))
	r.b.note(err)
	if err == nil && order == nil {
		r.b.fatalf("Submit returned neither an order nor an error")
	}
	return order, err
}

// accepted submits the first job and stops the check when that fails.
func (r *rig) accepted() (*vendors.Submission, *vendors.Order) {
	s := r.next()
	order, err := r.submit(s)
	if err != nil {
		r.b.fatalf("not checked, as a submission without faults fails (see the check Submit): %v", err)
	}
	return s, order
}

// echo is a body in which a vendor repeats all it knows.
func (r *rig) echo() []byte {
	return []byte(`{"error":{"code":"invalid","status_code":422,"message":"` +
		strings.Join(append(personalWords(), r.b.secrets...), " ") + `","data":[{"message":"` + strings.Join(personalWords(), " ") + `"}]}}`)
}

// own is how the vendor refuses with a status, as far as the harness tells.
func (r *rig) own(status int) []byte {
	if r.Refusal != nil {
		return r.Refusal(status)
	}
	return r.echo()
}

// note keeps an error for the final look at its text.
func (b *bench) note(err error) {
	if err != nil {
		b.errs = append(b.errs, err)
	}
}

// see keeps an error and returns it.
func (b *bench) see(err error) error {
	b.note(err)
	return err
}

// learnCredentials adds what went out in the header Authorization to the secrets:
// the user and password of Basic are written in another form there.
func (b *bench) learnCredentials() {
	for _, r := range b.rigs {
		for _, sent := range r.doer.Sent {
			for _, value := range sent.Request.Header["Authorization"] {
				if words := strings.Fields(value); len(words) > 0 && len(words[len(words)-1]) > 7 && !slices.Contains(b.secrets, words[len(words)-1]) {
					b.secrets = append(b.secrets, words[len(words)-1])
				}
			}
		}
	}
}

// checkErrors holds every error seen to the two rules for all errors.
func (b *bench) checkErrors() {
	b.learnCredentials()
	for _, err := range b.errs {
		text := fmt.Sprintf("%v %+v %#v", err, err, err)
		if leak := b.leak(text); leak != "" {
			b.problemf("an error holds %s", leak)
			return
		}
		if _, ok := errors.AsType[*postproof.Error](err); !ok {
			b.problemf("an error has no code and no delivery: %v", err)
			return
		}
	}
}

// pointers are what %#v shows of an error inside another one. Their digits are those of
// a postal code now and then.
var pointers = regexp.MustCompile(`\(0x[0-9a-f]+\)`)

// leak says what a text holds that it must not, without repeating it.
func (b *bench) leak(text string) string {
	text = pointers.ReplaceAllString(text, "")
	for _, s := range b.secrets {
		if s != "" && strings.Contains(text, s) {
			return "a credential or an idempotency key"
		}
	}
	for _, w := range personalWords() {
		if strings.Contains(text, w) {
			return "personal data: " + w
		}
	}
	return ""
}

// strikeOp returns a Strike that hits the n-th request of an operation.
func strikeOp(op postproof.Op, n int, f *Fault) func(int, *vendors.Request) *Fault {
	return func(_ int, req *vendors.Request) *Fault {
		if req.Op != op {
			return nil
		}
		if n--; n == 0 {
			return f
		}
		return nil
	}
}

// strikeAt returns a Strike that hits the n-th request from now on.
func strikeAt(n int, f *Fault) func(int, *vendors.Request) *Fault {
	return func(int, *vendors.Request) *Fault {
		if n--; n == 0 {
			return f
		}
		return nil
	}
}

// longAfter is longer than every window and cut-off.
const longAfter = 10 * 24 * time.Hour
