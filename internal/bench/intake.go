package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/signature"
)

// intakeRow is what it costs to take callbacks in for good: verified, stored on
// SQLite, and answered, by the whole handler.
type intakeRow struct {
	// Way is how they come: in the process, or on loopback.
	Way     string `json:"way"`
	Senders int    `json:"senders"`
	// PerSecond are callbacks, FsyncsPerSecond what the same disk does between
	// two slices of them; Multiple is the median of the rounds' own quotients.
	PerSecond       float64 `json:"per_second"`
	FsyncsPerSecond float64 `json:"fsyncs_per_second"`
	Multiple        float64 `json:"multiple"`
	// P50 and P99 are the time until the answer.
	P50 float64 `json:"p50_ns"`
	P99 float64 `json:"p99_ns"`
	// CPU is the time on a processor for a callback, its sender included.
	CPU float64 `json:"cpu_ns_per_callback"`
	// Syncs is how many SQLite asks for, for a callback.
	Syncs float64 `json:"syncs_per_callback"`
}

const (
	senders    = 64
	intakePath = "/callbacks/" + lob.Name
)

// measureIntake takes callbacks in, each round on a new ledger in dir.
func measureIntake(ctx context.Context, dir string, rounds, callbacks int) ([]intakeRow, error) {
	rows := make([]intakeRow, 0, 2)
	for _, way := range []struct {
		name string
		open func(context.Context, http.Handler) (*intakeSenders, error)
	}{{"in the process", callHandler}, {"on loopback", dialHandler}} {
		var all [7][]float64
		for round := range rounds {
			f, err := intakeRound(ctx, dir, strconv.Itoa(round), callbacks, way.open)
			if err != nil {
				return nil, fmt.Errorf("intake %s: %w", way.name, err)
			}
			for i, v := range []float64{f.rate, f.fsyncs, f.rate / f.fsyncs, f.cpu, f.syncs, percentile(f.took, 50), percentile(f.took, 99)} {
				all[i] = append(all[i], v)
			}
		}
		rows = append(rows, intakeRow{
			Way: way.name, Senders: senders, PerSecond: median(all[0]), FsyncsPerSecond: median(all[1]), Multiple: median(all[2]),
			CPU: median(all[3]), Syncs: median(all[4]), P50: median(all[5]), P99: median(all[6]),
		})
	}
	return rows, nil
}

func percentile(took []time.Duration, p int) float64 {
	slices.Sort(took)
	return float64(took[min(len(took)-1, len(took)*p/100)])
}

type intakeFigures struct {
	rate, fsyncs, cpu, syncs float64
	took                     []time.Duration
}

func intakeRound(ctx context.Context, dir, name string, callbacks int, open func(context.Context, http.Handler) (*intakeSenders, error)) (f intakeFigures, err error) {
	folder, err := os.MkdirTemp(dir, "postproof-bench-")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	disk, err := openCounted(filepath.Join(folder, "ledger.db"))
	if err != nil {
		return f, err
	}
	defer func() { err = joinClose(err, disk.close) }()
	store, err := sqlite.New(ctx, disk.db, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		return f, err
	}
	defer func() { err = joinClose(err, store.Close) }()
	v, err := startVendor(ctx, inMemory)
	if err != nil {
		return f, err
	}
	defer v.Close()
	mail, err := newClient(ctx, v, store)
	if err != nil {
		return f, err
	}
	defer func() { err = joinClose(err, mail.Close) }()
	adapter, err := newAdapter(v)
	if err != nil {
		return f, err
	}
	rx, err := callback.New(mail, []callback.Endpoint{{Adapter: adapter, Secrets: []string{verifyText}}})
	if err != nil {
		return f, err
	}
	defer func() { err = joinClose(err, rx.Close) }()
	s, err := open(ctx, rx)
	if err != nil {
		return f, err
	}
	defer func() { err = joinClose(err, s.close) }()

	part := max(senders, callbacks/turns)
	if _, err := s.sendAll(ctx, name+"-warm", part); err != nil {
		return f, err
	}
	s.took = s.took[:0]
	var taking, syncing, busy time.Duration
	synced := int64(0)
	for i := range turns {
		took, err := appendAndSync(folder)
		if err != nil {
			return f, err
		}
		syncing += took
		ready, err := s.prepare(name+"-"+strconv.Itoa(i), part)
		if err != nil {
			return f, err
		}
		cpu, before := cpuTime(), disk.syncs.Load()
		if took, err = s.run(ctx, ready); err != nil {
			return f, err
		}
		taking += took
		busy += cpuTime() - cpu
		synced += disk.syncs.Load() - before
	}
	n := float64(turns * part)
	f.rate, f.fsyncs = n/taking.Seconds(), float64(turns*syncsAtATime)/syncing.Seconds()
	f.cpu, f.syncs, f.took = float64(busy)/n, float64(synced)/n, s.took
	return f, nil
}

// signedCallback is one that is ready to be sent.
type signedCallback struct {
	header http.Header
	body   []byte
}

// intakeSenders send callbacks, each one after the other.
type intakeSenders struct {
	send  []func(*signedCallback) error
	close func() error
	// took are the times until the answers.
	took []time.Duration
}

func (s *intakeSenders) sendAll(ctx context.Context, name string, n int) (time.Duration, error) {
	ready, err := s.prepare(name, n)
	if err != nil {
		return 0, err
	}
	return s.run(ctx, ready)
}

// prepare makes callbacks and signs them now: that is the vendor's work, not
// ours.
func (s *intakeSenders) prepare(name string, n int) ([]signedCallback, error) {
	out := make([]signedCallback, n)
	scheme := signature.TimestampedHMAC{Header: "Lob-Signature", TimestampHeader: "Lob-Signature-Timestamp"}
	for i := range out {
		body := lobEvent(name, i)
		header, err := scheme.Sign(body, time.Now(), verifyText)
		if err != nil {
			return nil, err
		}
		header.Set("Content-Type", "application/json")
		header.Set("User-Agent", "Lob/1.0")
		out[i] = signedCallback{header, body}
	}
	return out, nil
}

func (s *intakeSenders) run(ctx context.Context, ready []signedCallback) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	took := make([]time.Duration, len(ready))
	var next atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for _, send := range s.send {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(ready) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				began := time.Now()
				if err := send(&ready[i]); err != nil {
					cancel(err)
				}
				took[i] = time.Since(began)
			}
		})
	}
	group.Wait()
	all := time.Since(start)
	s.took = append(s.took, took...)
	return all, context.Cause(ctx)
}

// answered is a writer that nobody reads.
type answered struct {
	header http.Header
	status int
}

func (a *answered) Header() http.Header         { return a.header }
func (a *answered) WriteHeader(status int)      { a.status = status }
func (a *answered) Write(p []byte) (int, error) { return len(p), nil }

var errNotTaken = errors.New("a callback was not taken")

// callHandler calls the handler itself.
func callHandler(ctx context.Context, h http.Handler) (*intakeSenders, error) {
	s := &intakeSenders{close: func() error { return nil }}
	for range senders {
		s.send = append(s.send, func(c *signedCallback) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, intakePath, bytes.NewReader(c.body))
			if err != nil {
				return err
			}
			req.Header = c.header
			a := answered{header: http.Header{}, status: http.StatusOK}
			if h.ServeHTTP(&a, req); a.status != http.StatusOK {
				return fmt.Errorf("%w: status %d", errNotTaken, a.status)
			}
			return nil
		})
	}
	return s, nil
}

// dialHandler serves the handler on loopback. Each sender has a connection and
// writes whole requests: a client library would be more work than the handler.
func dialHandler(ctx context.Context, h http.Handler) (*intakeSenders, error) {
	lis, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(lis) }() // it ends with Close
	s := &intakeSenders{close: server.Close}
	for range senders {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", lis.Addr().String())
		if err != nil {
			return nil, errors.Join(err, server.Close())
		}
		in := bufio.NewReader(conn)
		var out bytes.Buffer
		s.send = append(s.send, func(c *signedCallback) error {
			out.Reset()
			fmt.Fprintf(&out, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n", intakePath, len(c.body))
			if err := c.header.Write(&out); err != nil {
				return err
			}
			out.WriteString("\r\n")
			out.Write(c.body)
			if _, err := conn.Write(out.Bytes()); err != nil {
				return err
			}
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				return err
			}
			if resp.StatusCode != http.StatusOK {
				err = fmt.Errorf("%w: status %d", errNotTaken, resp.StatusCode)
			}
			return errors.Join(err, resp.Body.Close())
		})
	}
	return s, nil
}

// lobEvent is a callback of Lob's with the piece in it, of about 1.5 KiB.
func lobEvent(name string, i int) []byte {
	id := fmt.Sprintf("psc_%016x", i)
	return fmt.Appendf(nil, `{"id":"evt_%s_%d","body":{"id":"%s","description":"Spring mailing","metadata":{"postproof_ref":"%016X"},`+
		`"to":{"id":"adr_%016x","description":null,"name":"CURRENT RESIDENT","company":null,"phone":null,"email":null,"address_line1":"210 KING ST","address_line2":null,`+
		`"address_city":"SAN FRANCISCO","address_state":"CA","address_zip":"94107-1702","address_country":"UNITED STATES","metadata":{},"date_created":"2026-03-03T14:00:00.000Z",`+
		`"date_modified":"2026-03-03T14:00:00.000Z","object":"address"},"from":null,"url":"https://lob-assets.example/postcards/%s.pdf?version=v1&expires=1700000000&signature=abcdef",`+
		`"front_template_id":null,"back_template_id":null,"carrier":"USPS","tracking_events":[{"id":"evnt_%016x","type":"normal","name":"In Transit","time":"2026-03-05T14:00:00.000Z",`+
		`"location":"94107","date_created":"2026-03-05T14:00:00.000Z","date_modified":"2026-03-05T14:00:00.000Z","object":"tracking_event"}],"thumbnails":[{"small":"https://lob-assets.example/s.png",`+
		`"medium":"https://lob-assets.example/m.png","large":"https://lob-assets.example/l.png"}],"size":"4x6","mail_type":"usps_first_class","expected_delivery_date":"2026-03-09",`+
		`"date_created":"2026-03-03T14:00:00.000Z","date_modified":"2026-03-03T14:00:00.000Z","send_date":"2026-03-03T14:00:00.000Z","object":"postcard"},`+
		`"reference_id":"%s","event_type":{"id":"postcard.in_transit","enabled_for_test":false,"resource":"postcards","object":"event_type"},`+
		`"date_created":"2026-03-05T14:00:00.000Z","object":"event"}`, name, i, id, i, i, id, i, id)
}

func (r *report) judgeIntake() {
	for _, row := range r.Intake {
		r.atLeast("intake "+row.Way+": times append and fsync", row.Multiple, minIntake)
	}
}
