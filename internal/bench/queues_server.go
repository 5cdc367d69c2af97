package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// onServer calls f with a connection.
func onServer(ctx context.Context, dsn string, f func(*pgx.Conn) error) error {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	return errors.Join(f(c), c.Close(ctx))
}

// ping returns the server's version and the time of a round trip.
func ping(ctx context.Context, dsn string) (version string, took float64, err error) {
	err = onServer(ctx, dsn, func(c *pgx.Conn) error {
		if err := c.QueryRow(ctx, "SHOW server_version").Scan(&version); err != nil {
			return err
		}
		var all []float64
		for range 50 {
			start := time.Now()
			if err := c.Ping(ctx); err != nil {
				return err
			}
			all = append(all, float64(time.Since(start)))
		}
		took = median(all)
		return nil
	})
	number, _, _ := strings.Cut(version, " ") // a packager's name may follow
	return "PostgreSQL " + number, took, err
}

// newSchema returns a name for a schema that is not there, and what drops it.
func newSchema(ctx context.Context, dsn string) (string, func() error, error) {
	name := "bench_" + strings.ToLower(rand.Text())
	drop := func() error {
		return onServer(context.WithoutCancel(ctx), dsn, func(c *pgx.Conn) error {
			_, err := c.Exec(context.WithoutCancel(ctx), "DROP SCHEMA IF EXISTS "+pgx.Identifier{name}.Sanitize()+" CASCADE")
			return err
		})
	}
	return name, drop, onServer(ctx, dsn, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{name}.Sanitize())
		return err
	})
}

// analyze lets the planner know what there is: everybody's table was empty a
// moment ago.
func analyze(ctx context.Context, dsn, schema string) error {
	return eachTable(ctx, dsn, schema, func(c *pgx.Conn, name string) error {
		_, err := c.Exec(ctx, "ANALYZE "+name)
		return err
	})
}

// schemaBytes is what the schema takes on the disk.
func schemaBytes(ctx context.Context, dsn, schema string) (sum float64, err error) {
	err = eachTable(ctx, dsn, schema, func(c *pgx.Conn, name string) error {
		var n int64
		err := c.QueryRow(ctx, "SELECT pg_total_relation_size($1::text::regclass)", name).Scan(&n)
		sum += float64(n)
		return err
	})
	return sum, err
}

// checkpoint writes what earlier drains have left to the disk. A role of a server
// that was named may not be allowed to.
func checkpoint(ctx context.Context, dsn string) error {
	return onServer(ctx, dsn, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, "CHECKPOINT")
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == notAllowed {
			return nil
		}
		return err
	})
}

// notAllowed is insufficient_privilege.
const notAllowed = "42501"

func eachTable(ctx context.Context, dsn, schema string, f func(c *pgx.Conn, name string) error) error {
	return onServer(ctx, dsn, func(c *pgx.Conn) error {
		rows, err := c.Query(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if len(names) == 0 {
			return fmt.Errorf("the schema %s has no tables", schema)
		}
		for _, name := range names {
			if err := f(c, pgx.Identifier{schema, name}.Sanitize()); err != nil {
				return err
			}
		}
		return nil
	})
}

// proxy stands between a client and the server and takes its time, the same in
// each direction. It has no limit of its own: what is under way at the same
// moment arrives at the same moment.
type proxy struct {
	listener net.Listener
	to       func(context.Context) (net.Conn, error)
	delay    time.Duration
	mu       sync.Mutex
	open     []net.Conn
	running  sync.WaitGroup
}

func startProxy(ctx context.Context, to *pgx.ConnConfig, delay time.Duration) (*proxy, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	network, address := "tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port)))
	if strings.HasPrefix(to.Host, "/") {
		network, address = "unix", to.Host+"/.s.PGSQL."+strconv.Itoa(int(to.Port))
	}
	p := &proxy{listener: l, delay: delay, to: func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	p.running.Go(func() { p.serve(ctx) })
	return p, nil
}

// dsn is the data source with the proxy in the server's place.
func (p *proxy) dsn(direct string) (string, error) {
	u, err := url.Parse(direct)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return "", errors.New("the data source of the server: want a URL with a host, as in postgres://user@host/database")
	}
	u.Host = p.listener.Addr().String()
	return u.String(), nil
}

func (p *proxy) serve(ctx context.Context) {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		far, err := p.to(ctx)
		if err != nil {
			_ = near.Close() // the client finds out
			continue
		}
		p.mu.Lock()
		p.open = append(p.open, near, far)
		p.mu.Unlock()
		p.running.Go(func() { p.pass(far, near) })
		p.running.Go(func() { p.pass(near, far) })
	}
}

// pass passes on what it reads, later.
func (p *proxy) pass(to, from net.Conn) {
	type piece struct {
		data []byte
		due  time.Time
	}
	pieces := make(chan piece, 1024)
	p.running.Go(func() {
		for x := range pieces {
			<-time.After(time.Until(x.due))
			if _, err := to.Write(x.data); err != nil {
				_ = from.Close() // the reader ends, too
			}
		}
		_ = to.Close()
	})
	defer close(pieces)
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			pieces <- piece{append([]byte(nil), buffer[:n]...), time.Now().Add(p.delay)}
		}
		if err != nil {
			return
		}
	}
}

// Close ends all connections.
func (p *proxy) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	for _, c := range p.open {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
	return err
}
