package retry

import (
	"cmp"
	"sync"
	"time"

	"github.com/postproof/postproof"
)

// BudgetConfig sets up a [Budget]. The zero value of each field means its
// default.
type BudgetConfig struct {
	// Ratio is the share of the requests in the window that may be retried,
	// above 0 and at most 1. Default 0.2.
	Ratio float64
	// Reserve is what may be spent in a window however few requests there
	// were: without it a client of low rate could never retry. Default 3.
	Reserve int
	// Window is how far back requests and retries count. Default 10 s.
	Window time.Duration
	// TimeoutCost is what a retry after a timeout costs; every other retry
	// costs 1. A timeout costs a vendor in trouble more than a quick no does.
	// Default 2.
	TimeoutCost int
	// Clock is the time of the window. Default [postproof.SystemClock].
	Clock postproof.Clock
}

// Budget bounds the retries against one vendor to a share of the requests in
// a window of time. However long everything fails, the vendor sees at most
// 1 + Ratio times the requests (or the reserve, when that is more).
//
// It is safe for concurrent use and starts no goroutine.
type Budget struct {
	ratio       float64
	reserve     int
	timeoutCost int
	clock       postproof.Clock
	slot        time.Duration

	mu       sync.Mutex
	current  int64 // number of the newest slot, in slot widths since 1970
	slots    [budgetSlots]budgetSlot
	sum      budgetSlot
	requests uint64
	retries  uint64
	denied   uint64
}

const budgetSlots = 10

type budgetSlot struct{ requests, spent int }

// BudgetStats is a reading of a [Budget].
type BudgetStats struct {
	// WindowRequests and WindowSpent are the sums of the current window.
	WindowRequests int
	WindowSpent    int
	// WindowLimit is how much the window allows to spend.
	WindowLimit int
	// Requests, Retries and Denied count since the start.
	Requests uint64
	Retries  uint64
	Denied   uint64
}

// NewBudget returns a budget for one vendor. The error names the field that is
// wrong, and has [postproof.CodeInvalidArgument].
func NewBudget(config BudgetConfig) (*Budget, error) {
	b := &Budget{
		ratio:       cmp.Or(config.Ratio, 0.2),
		reserve:     cmp.Or(config.Reserve, 3),
		timeoutCost: cmp.Or(config.TimeoutCost, 2),
		clock:       config.Clock,
		slot:        cmp.Or(config.Window, 10*time.Second) / budgetSlots,
	}
	if b.clock == nil {
		b.clock = postproof.SystemClock()
	}
	switch {
	case !(b.ratio > 0 && b.ratio <= 1): // written so that NaN fails, too
		return nil, wrong("BudgetConfig.Ratio %v is not above 0 and at most 1", b.ratio)
	case b.reserve < 0:
		return nil, wrong("BudgetConfig.Reserve %d is negative", b.reserve)
	case b.timeoutCost < 1:
		return nil, wrong("BudgetConfig.TimeoutCost %d is below 1", b.timeoutCost)
	case b.slot < time.Millisecond:
		return nil, wrong("BudgetConfig.Window %v is below 10ms", config.Window)
	}
	return b, nil
}

// Stats returns a reading.
func (b *Budget) Stats() BudgetStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(b.clock.Now())
	return BudgetStats{
		WindowRequests: b.sum.requests,
		WindowSpent:    b.sum.spent,
		WindowLimit:    b.limit(),
		Requests:       b.requests,
		Retries:        b.retries,
		Denied:         b.denied,
	}
}

// request counts a call, which is what retries are measured against.
func (b *Budget) request(now time.Time) {
	b.mu.Lock()
	b.advance(now)
	b.slots[b.current%budgetSlots].requests++
	b.sum.requests++
	b.requests++
	b.mu.Unlock()
}

// withdraw asks for one retry.
func (b *Budget) withdraw(now time.Time, timeout bool) bool {
	cost := 1
	if timeout {
		cost = b.timeoutCost
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(now)
	if b.sum.spent+cost > b.limit() {
		b.denied++
		return false
	}
	b.spend(cost)
	return true
}

// charge spends for a repeat that nobody asked for.
func (b *Budget) charge(now time.Time) {
	b.mu.Lock()
	b.advance(now)
	b.spend(1)
	b.mu.Unlock()
}

func (b *Budget) spend(cost int) {
	b.slots[b.current%budgetSlots].spent += cost
	b.sum.spent += cost
	b.retries++
}

func (b *Budget) limit() int {
	return max(b.reserve, int(b.ratio*float64(b.sum.requests)))
}

// advance forgets the slots that have left the window. A clock that runs back
// a little is held at the newest slot seen; one that was set back by more than
// a window starts anew, or nothing would leave the window for that long.
func (b *Budget) advance(now time.Time) {
	slot := max(now.UnixNano(), 0) / int64(b.slot)
	if slot <= b.current && b.current-slot < budgetSlots {
		return
	}
	if slot-b.current >= budgetSlots || slot < b.current {
		b.slots = [budgetSlots]budgetSlot{}
		b.sum = budgetSlot{}
		b.current = slot
		return
	}
	for b.current < slot {
		b.current++
		s := &b.slots[b.current%budgetSlots]
		b.sum.requests -= s.requests
		b.sum.spent -= s.spent
		*s = budgetSlot{}
	}
}
