package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof/internal/pipe"
)

// network is how the vendor is reached.
type network string

const (
	inMemory network = "memory"
	loopback network = "loopback"
)

// vendor answers each submission at once, in the form that Lob documents, and
// as cheaply as it can: what it costs is in the figures of every peer alike.
type vendor struct {
	// base is the address of the API. An in-memory vendor is reached through
	// dial only.
	base   string
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	server *http.Server

	orders  atomic.Uint64
	buffers chan *[bodyBuffer]byte
}

const (
	// bodyBuffer is longer than any JSON body here, so that only uploads need
	// more than one filling.
	bodyBuffer = 64 << 10
	// spareBuffers are kept in a channel: a sync.Pool is emptied by the garbage
	// collector, which would put the vendor's buffers into the figures.
	spareBuffers = 128
)

func startVendor(ctx context.Context, n network) (*vendor, error) {
	v := &vendor{buffers: make(chan *[bodyBuffer]byte, spareBuffers)}
	v.server = &http.Server{Handler: v, ReadHeaderTimeout: time.Minute}
	var listener net.Listener
	if n == inMemory {
		memory := pipe.New()
		listener, v.dial, v.base = memory, memory.Dial, "http://vendor.invalid/v1"
	} else {
		tcp, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		listener, v.dial, v.base = tcp, (&net.Dialer{}).DialContext, "http://"+tcp.Addr().String()+"/v1"
	}
	go func() { _ = v.server.Serve(listener) }() // it ends with Close
	return v, nil
}

// Close stops the vendor.
func (v *vendor) Close() error { return v.server.Close() }

// ServeHTTP implements [http.Handler].
func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	buffer := v.borrow()
	defer v.giveBack(buffer)
	metadata, err := readMetadata(r.Body, buffer[:])
	if err != nil || r.Header.Get("Idempotency-Key") == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	answer := v.answer(buffer[:0], metadata)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	_, _ = w.Write(answer) // the client has gone; nobody to tell
}

func (v *vendor) borrow() *[bodyBuffer]byte {
	select {
	case b := <-v.buffers:
		return b
	default:
		return new([bodyBuffer]byte)
	}
}

func (v *vendor) giveBack(b *[bodyBuffer]byte) {
	select {
	case v.buffers <- b:
	default:
	}
}

// readMetadata reads the body to its end and returns the metadata object of a
// JSON body, which comes last in it; {} for an upload, where it would take a
// parser to find.
func readMetadata(body io.Reader, buffer []byte) (string, error) {
	n, err := io.ReadFull(body, buffer)
	for err == nil {
		n = 0
		_, err = io.ReadFull(body, buffer)
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	const name = `"metadata":`
	if n == 0 || buffer[0] != '{' {
		return "{}", nil
	}
	document := buffer[:n]
	if i := bytes.LastIndex(document, []byte(name)); i >= 0 {
		document = document[i+len(name):]
		if end := bytes.IndexByte(document, '}'); end >= 0 {
			return string(document[:end+1]), nil
		}
	}
	return "{}", nil
}

// answer appends an order of some 1.7 KB with the fields that Lob's schema
// requires of a postcard.
func (v *vendor) answer(dst []byte, metadata string) []byte {
	var id [16]byte
	const digits = "0123456789abcdef"
	for i, n := 0, v.orders.Add(1); i < len(id); i, n = i+1, n>>4 {
		id[len(id)-1-i] = digits[n&15]
	}
	var at [32]byte
	now := time.Now().UTC().AppendFormat(at[:0], "2006-01-02T15:04:05.000Z")
	for i, part := range answerParts() {
		if i > 0 {
			switch answerFields[i-1] {
			case 'i':
				dst = append(dst, id[:]...)
			case 't':
				dst = append(dst, now...)
			case 'm':
				dst = append(dst, metadata...)
			}
		}
		dst = append(dst, part...)
	}
	return dst
}

// answerFields says what stands between the parts: the id, a time, metadata.
const answerFields = "iiitttttttm"

func answerParts() [len(answerFields) + 1]string {
	return [...]string{
		`{"id":"psc_`,
		`","object":"postcard","description":null,"url":"https://lob-assets.com/postcards/psc_`,
		`_signature.pdf?version=v1&expires=1798761600&signature=8zW2lYw1nqQ4o0g5xJbC3kF6dH9sT2vR","to":{"id":"adr_`,
		`","object":"address","description":null,"name":"CURRENT RESIDENT","company":null,"phone":null,"email":null,` +
			`"address_line1":"1 MAIN ST","address_line2":null,"address_city":"SPRINGFIELD","address_state":"IL","address_zip":"62701-1234",` +
			`"address_country":"UNITED STATES","metadata":{},"date_created":"`,
		`","date_modified":"`,
		`","recipient_moved":false},"from":{"id":"adr_249af768103d9810","object":"address","description":null,"name":"EXAMPLE PRINTING",` +
			`"company":null,"phone":null,"email":null,"address_line1":"210 KING ST","address_line2":null,"address_city":"SAN FRANCISCO",` +
			`"address_state":"CA","address_zip":"94107-1741","address_country":"UNITED STATES","metadata":{},"date_created":"`,
		`","date_modified":"`,
		`"},"carrier":"USPS","tracking_events":[],"thumbnails":[],"merge_variables":null,"size":"4x6","mail_type":"usps_first_class",` +
			`"use_type":"marketing","fsc":false,"front_template_id":null,"back_template_id":null,"front_template_version_id":null,` +
			`"back_template_version_id":null,"campaign_id":null,"status":"processed","expected_delivery_date":"2030-01-07","send_date":"`,
		`","date_created":"`,
		`","date_modified":"`,
		`","deleted":false,"raw_url":null,"metadata":`,
		`}`,
	}
}
