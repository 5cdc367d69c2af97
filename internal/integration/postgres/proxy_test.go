package postgres_test

import (
	"bytes"
	"errors"
	"net"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// cut is what a proxy does at some data.
type cut int

const (
	pass cut = iota
	// cutBefore ends the connection on both sides; the data does not go on.
	cutBefore
	// cutAfter lets the data go on, and ends the connection on the side of the
	// client before anything comes back. The server finds out when it writes.
	cutAfter
	// freeze ends it on the side of the client, and leaves the server's open:
	// its process goes on holding what it holds, as it does when a machine has
	// lost its power or its cable.
	freeze
)

// proxy stands between a store and its server, and cuts.
type proxy struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	decide   func(fromClient bool, data []byte) cut
	open     []net.Conn
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, to: to}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			now := p.to
			p.mu.Unlock()
			server, err := net.Dial("tcp", now)
			if err != nil {
				_ = client.Close()
				continue
			}
			p.mu.Lock()
			p.open = append(p.open, client, server)
			p.mu.Unlock()
			wg.Go(func() { p.copy(server, client, true) })
			wg.Go(func() { p.copy(client, server, false) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range p.open {
			_ = c.Close()
		}
		p.mu.Unlock()
		wg.Wait()
	})
	return p
}

// lead leads to another server from now on, and ends all connections.
func (p *proxy) lead(to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = to
	for _, c := range p.open {
		_ = c.Close()
	}
	p.open = nil
}

// on sets what is done with data from now on.
func (p *proxy) on(decide func(fromClient bool, data []byte) cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = decide
}

func (p *proxy) copy(to, from net.Conn, fromClient bool) {
	client, server := to, from
	if fromClient {
		client, server = from, to
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.mu.Lock()
			what := pass
			if p.decide != nil {
				what = p.decide(fromClient, buf[:n])
			}
			p.mu.Unlock()
			switch what {
			case cutBefore:
				_, _ = client.Close(), server.Close()
				return
			case cutAfter:
				_ = client.Close()
				_, _ = to.Write(buf[:n])
				time.Sleep(20 * time.Millisecond) // until the server has done it
				_ = server.Close()
				return
			case freeze:
				_ = client.Close()
				return
			case pass:
			}
			if _, err := to.Write(buf[:n]); err != nil {
				_ = from.Close()
				return
			}
		}
		if err != nil {
			if !fromClient { // the server has gone
				_ = client.Close()
				return
			}
			p.mu.Lock()
			decided := p.decide != nil
			p.mu.Unlock()
			if !decided {
				_ = server.Close()
			}
			return
		}
	}
}

// once returns a decision for the first data that it fits.
func once(what cut, fits func(fromClient bool, data []byte) bool) (decide func(bool, []byte) cut, happened func() bool) {
	done := false
	return func(fromClient bool, data []byte) cut {
		if done || !fits(fromClient, data) {
			return pass
		}
		done = true
		return what
	}, func() bool { return done }
}

// isCommit recognizes the COMMIT, and the statement that commits by itself: it
// says who the server is.
func isCommit(fromClient bool, data []byte) bool {
	return fromClient && (bytes.Contains(data, []byte("COMMIT\x00")) || atOnce.Match(data))
}

var atOnce = regexp.MustCompile(`[0-9]{15,}/[0-9A-F]{8}/[0-9]+`)

// TestCommitThatWasNotAnswered: when the connection ends at the COMMIT, the
// store asks the server what came of it. A change that was made is reported as
// made, one that was not is made then; never is one reported as refused for
// what the store itself has done.
func TestCommitThatWasNotAnswered(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]cut{
		"the COMMIT does not arrive":             cutBefore,
		"the answer does not arrive":             cutAfter,
		"the server keeps its half of the cable": freeze,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := pgtest.Private(t)
			p := newProxy(t, c.Addr())
			schema := newSchema(t)
			s := openStore(t, openDB(t, "pgx", c.DSN(p.listener.Addr().String())), schema)
			direct := openStore(t, openDB(t, "pgx", c.DSN("")), schema)
			for i := range 5 {
				r := record(i)
				commitUnder(t, s, p, what, create(r))
				commitUnder(t, s, p, what, step(r))
				got, err := direct.Get(t.Context(), r.ID)
				if err != nil || got.Fence != 2 {
					t.Fatalf("record %d = %v, %v, want fence 2", i, got, err)
				}
				if n := entriesOf(t, direct, r.ID); n != 2 {
					t.Errorf("record %d has %d entries, want one for each of 2 transitions", i, n)
				}
			}
		})
	}
}

func commitUnder(t *testing.T, s *postgres.Store, p *proxy, what cut, c idempotency.Change) {
	t.Helper()
	decide, happened := once(what, isCommit)
	p.on(decide)
	start := time.Now()
	if err := idempotency.CommitOne(t.Context(), s, c); err != nil {
		t.Errorf("Commit of fence %d: %v, want nil: it was made, once", c.Record.Fence, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !happened() {
		t.Error("the proxy saw no COMMIT: the test looks at the wrong thing")
	}
	// A lock that a lost connection still holds would be waited for until the
	// server gives up on it.
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestOpenedOverAConnectionThatIsLost cuts at each piece of data in turn that goes over
// the wire while a ledger is made and opened again, once the first connection stands.
func TestOpenedOverAConnectionThatIsLost(t *testing.T) {
	t.Parallel()
	c := pgtest.Private(t)
	p := newProxy(t, c.Addr())
	for at := range 400 {
		db, schema, stands, seen := openDB(t, "pgx", c.DSN(p.listener.Addr().String())), "cut"+strconv.Itoa(at/4), false, 0
		decide, happened := once([]cut{cutBefore, cutAfter}[at%2], func(_ bool, data []byte) bool {
			stands = stands || bytes.Contains(data, []byte("pg_control_system"))
			if stands {
				seen++
			}
			return seen > at/2
		})
		p.on(decide)
		s, err := postgres.New(t.Context(), db, postgres.WithSchema(schema), postgres.WithMode(postproof.ModeTest))
		p.on(nil)
		if err != nil {
			t.Fatalf("cut at piece %d: New = %v", at/2, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		p.mu.Lock()
		done := !happened()
		p.mu.Unlock()
		if done {
			if at < 20 {
				t.Errorf("%d pieces were seen: the test looks at nothing", at/2)
			}
			return
		}
	}
	t.Error("more data goes over the wire than the test looks at")
}

// TestConnectionCutAnywhere cuts at each piece of data in turn that goes over
// the wire for some changes and claims.
func TestConnectionCutAnywhere(t *testing.T) {
	t.Parallel()
	c := pgtest.Private(t)
	p := newProxy(t, c.Addr())
	schema := newSchema(t)
	s := openStore(t, openDB(t, "pgx", c.DSN(p.listener.Addr().String())), schema)
	direct := openStore(t, openDB(t, "pgx", c.DSN("")), schema)
	for at := range 400 {
		seen := 0
		decide, happened := once([]cut{cutBefore, cutAfter}[at%2], func(bool, []byte) bool {
			seen++
			return seen > at/2
		})
		p.on(decide)
		r := record(at)
		for i, ch := range []idempotency.Change{create(r), step(r)} {
			if err := idempotency.CommitOne(t.Context(), s, ch); err != nil {
				t.Fatalf("cut %d: change %d: %v", at, i, err)
			}
		}
		m := &idempotency.Message{Vendor: "lob", Dedupe: string(r.ID), ReceivedAt: start()}
		if fresh, err := s.Inbox().Put(t.Context(), m); err != nil || !fresh {
			t.Fatalf("cut %d: Put = %v, %v, want a new message", at, fresh, err)
		}
		got, err := direct.Get(t.Context(), r.ID)
		if err != nil || got.Fence != 2 || entriesOf(t, direct, r.ID) != 2 {
			t.Fatalf("cut %d: %v, %v, %d entries, want 2 transitions", at, got, err, entriesOf(t, direct, r.ID))
		}
		p.mu.Lock()
		cutDone := happened()
		p.mu.Unlock()
		if !cutDone {
			if at < 20 {
				t.Errorf("only %d pieces of data: the test looks at the wrong thing", at)
			}
			return
		}
	}
	t.Error("the changes never came through without a cut")
}

// TestServerThatStaysAway: patience ends, and the error says what is known.
func TestServerThatStaysAway(t *testing.T) {
	t.Parallel()
	c := pgtest.Private(t)
	p := newProxy(t, c.Addr())
	s := openStore(t, openDB(t, "pgx", c.DSN(p.listener.Addr().String())), newSchema(t), postgres.WithPatience(300*time.Millisecond))
	gone := false
	p.on(func(fromClient bool, data []byte) cut {
		if gone || isCommit(fromClient, data) {
			gone = true
			return cutAfter
		}
		return pass
	})
	if err := idempotency.CommitOne(t.Context(), s, create(record(1))); !errors.Is(err, postgres.ErrInDoubt) {
		t.Errorf("Commit = %v, want ErrInDoubt: nobody can say", err)
	}
	if err := idempotency.CommitOne(t.Context(), s, create(record(2))); err == nil || errors.Is(err, postgres.ErrInDoubt) {
		t.Errorf("Commit without a connection = %v, want an error that leaves no doubt", err)
	}
	p.on(func(bool, []byte) cut { return pass })
	if r, err := s.Get(t.Context(), record(1).ID); err != nil || r.Fence != 1 {
		t.Errorf("record in doubt = %v, %v, want what the server had made", r, err)
	}
	if _, err := s.Get(t.Context(), record(2).ID); !errors.Is(err, idempotency.ErrNotFound) {
		t.Errorf("record without doubt: %v, want ErrNotFound", err)
	}
}
