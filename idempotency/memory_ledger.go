package idempotency

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Identity implements [Ledger].
func (m *Memory) Identity(ctx context.Context) (Identity, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.identity, context.Cause(ctx)
}

// AcceptEpoch implements [Ledger].
func (m *Memory) AcceptEpoch(ctx context.Context, epoch string, ns Namespace) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if epoch != m.identity.Epoch {
		return ErrStale
	}
	m.identity.Recovered = epoch
	if ns != "" {
		m.identity.Namespace = ns
	}
	return nil
}

// BreakHistory begins a new epoch, as a restored backup does: for tests of what
// runs on a ledger. It returns the epoch.
func (m *Memory) BreakHistory() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken++
	m.identity.Epoch = memoryEpoch + "-" + strconv.Itoa(m.broken)
	return m.identity.Epoch
}

// Depth implements [Ledger].
func (m *Memory) Depth(ctx context.Context, campaign string) ([]StateCount, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []StateCount
	for d, n := range m.depth {
		if n > 0 && (campaign == "" || d.Campaign == campaign) {
			d.Count = n
			all = append(all, d)
		}
	}
	slices.SortFunc(all, StateCount.Compare)
	return all, nil
}

// Counter implements [Ledger].
func (m *Memory) Counter(ctx context.Context, name string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counters[name], context.Cause(ctx)
}

// Setting implements [Ledger].
func (m *Memory) Setting(ctx context.Context, name string) (Setting, error) {
	if err := context.Cause(ctx); err != nil {
		return Setting{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.settings[name]
	s.Value = slices.Clone(s.Value)
	return s, nil
}

// Settings implements [Ledger].
func (m *Memory) Settings(ctx context.Context, prefix string) iter.Seq2[Setting, error] {
	return func(yield func(Setting, error) bool) {
		if err := context.Cause(ctx); err != nil {
			yield(Setting{}, err)
			return
		}
		for _, s := range m.settingsOf(prefix) {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func (m *Memory) settingsOf(prefix string) []Setting {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Setting
	for name, s := range m.settings {
		if strings.HasPrefix(name, prefix) {
			s.Value = slices.Clone(s.Value)
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Setting) int { return strings.Compare(a.Name, b.Name) })
	return all
}
