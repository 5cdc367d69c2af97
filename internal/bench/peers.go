package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/sony/gobreaker/v2"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// peer is one way to submit a job.
type peer struct {
	name string
	// open makes it ready to submit to the vendor.
	open func(ctx context.Context, v *vendor) (*session, error)
}

// session submits jobs through a peer until it is closed.
type session struct {
	submit func(ctx context.Context, job *postproof.Job) error
	close  func() error
}

// The names of the peers.
const (
	bareName      = "net/http"
	retryableName = "retryablehttp"
	gobreakerName = "retryablehttp+gobreaker"
	failsafeName  = "failsafe-go"
	postproofName = "postproof"
)

// peers returns everything that is compared, the measure first.
func peers() []peer {
	return []peer{
		{bareName, openBare},
		{retryableName, openRetryable},
		{gobreakerName, openGobreaker},
		{failsafeName, openFailsafe},
		{postproofName, openPostproof},
	}
}

// The sides of the postcard: markup of the size that a designer makes.
func front() string { return "<html><body>" + strings.Repeat("<p class=\"lead\">Spring sale</p>", 16) }
func back() string  { return "<html><body>" + strings.Repeat("<p class=\"fine\">Details</p>", 16) }

// makeJobs returns what makes the i-th job of a run; keys never repeat in it.
func makeJobs(run string, piece postproof.Piece) func(i int) *postproof.Job {
	return func(i int) *postproof.Job {
		contact := strconv.Itoa(i)
		return &postproof.Job{
			Key: postproof.Key(run + "/" + contact + "/card"), Class: postproof.FirstClass, Campaign: "spring", Contact: contact,
			To: postproof.Address{
				Name: "Current Resident", Line1: "1 Main Street", City: "Springfield", Region: "IL", PostalCode: "62701",
			},
			From: postproof.Address{
				Name: "Example Printing", Line1: "210 King Street", City: "San Francisco", Region: "CA", PostalCode: "94107",
			},
			Piece: piece,
		}
	}
}

func postcard() postproof.Piece {
	return postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: front(), Back: back()}}
}

// wireAddress and wirePostcard are what somebody writes who calls the vendor
// by hand.
type wireAddress struct {
	Name    string `json:"name"`
	Line1   string `json:"address_line1"`
	Line2   string `json:"address_line2,omitempty"`
	City    string `json:"address_city"`
	State   string `json:"address_state"`
	Zip     string `json:"address_zip"`
	Country string `json:"address_country"`
}

type wirePostcard struct {
	To       wireAddress  `json:"to"`
	From     wireAddress  `json:"from"`
	Front    string       `json:"front"`
	Back     string       `json:"back"`
	Size     string       `json:"size"`
	MailType string       `json:"mail_type"`
	UseType  *string      `json:"use_type"`
	Metadata wireMetadata `json:"metadata"`
}

type wireMetadata struct {
	Ref     string `json:"postproof_ref"`
	Content string `json:"postproof_content"`
}

// wireOrder holds the fields of the answer that make a [vendors.Order].
type wireOrder struct {
	ID       string `json:"id"`
	Object   string `json:"object"`
	URL      string `json:"url"`
	Tracking string `json:"tracking_number"`
	Expected string `json:"expected_delivery_date"`
	Created  string `json:"date_created"`
	Modified string `json:"date_modified"`
	Deleted  bool   `json:"deleted"`
	Size     string `json:"size"`
	MailType string `json:"mail_type"`
	Status   string `json:"status"`
	To       struct {
		Zip string `json:"address_zip"`
	} `json:"to"`
	Events []struct {
		Name string `json:"name"`
		Time string `json:"time"`
	} `json:"tracking_events"`
	Metadata wireMetadata `json:"metadata"`
}

func toWire(a *postproof.Address) wireAddress {
	return wireAddress{Name: a.Name, Line1: a.Line1, Line2: a.Line2, City: a.City, State: a.Region, Zip: a.PostalCode, Country: a.CountryCode()}
}

// encode makes the request's body, of the same bytes as the adapter's but for
// reference and digest, which are as long.
func encode(job *postproof.Job) ([]byte, error) {
	art, ok := job.Piece.Art().(postproof.HTML)
	if !ok {
		return nil, errors.New("the artwork is not HTML")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(&wirePostcard{
		To: toWire(&job.To), From: toWire(&job.From), Front: art.Front, Back: art.Back,
		Size: "4x6", MailType: "usps_first_class",
		Metadata: wireMetadata{Ref: "0123456789ABCDEF", Content: "10123456789abcdef0123456"},
	})
	return b.Bytes(), err
}

func headers(job *postproof.Job) http.Header {
	return http.Header{
		"Authorization":   {"Basic dGVzdF8wMTIzNDU2Nzg5Og=="},
		"Accept":          {"application/json"},
		"Content-Type":    {"application/json"},
		"Lob-Version":     {"2020-02-11"},
		"Idempotency-Key": {string(job.Key)},
	}
}

// decode reads the answer to its end and closes it.
func decode(resp *http.Response) (*vendors.Order, error) {
	raw, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the vendor answered %d", resp.StatusCode)
	}
	var o wireOrder
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, err
	}
	if o.ID == "" || o.Object != "postcard" {
		return nil, errors.New("the answer is not a postcard")
	}
	created, err := time.Parse(time.RFC3339, o.Created)
	if err != nil {
		return nil, err
	}
	expected, err := time.Parse(time.DateOnly, o.Expected)
	if err != nil {
		return nil, err
	}
	return &vendors.Order{
		Receipt: postproof.Receipt{
			Vendor: "lob", VendorID: o.ID, Ref: postproof.Ref(o.Metadata.Ref), TrackingID: o.Tracking,
			ExpectedDelivery: expected, ProofURL: o.URL, AcceptedAt: created,
		},
		Status: postproof.Status{Stage: postproof.StageAccepted, Raw: o.Status, VendorTime: created},
		Dead:   o.Deleted,
		Facts: vendors.Facts{
			Kind: postproof.KindPostcard, Size: sizeNamed(o.Size), Class: postproof.FirstClass,
			PostalCode: o.To.Zip, Content: o.Metadata.Content,
		},
		Raw: raw,
	}, nil
}

// alive makes sure that the order will be printed, and is ours.
func alive(order *vendors.Order) error {
	if order.Dead || order.Receipt.Ref == "" {
		return errors.New("the order is dead, or not ours")
	}
	return nil
}

func newTransport(v *vendor) *http.Transport {
	return &http.Transport{DialContext: v.dial, MaxIdleConnsPerHost: 64}
}

// submitBy makes a session of a client and its transport.
func submitBy(v *vendor, client *http.Client, transport *http.Transport) *session {
	return &session{
		submit: func(ctx context.Context, job *postproof.Job) error {
			body, err := encode(job)
			if err != nil {
				return err
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.base+"/postcards", bytes.NewReader(body))
			if err != nil {
				return err
			}
			req.Header = headers(job)
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			order, err := decode(resp)
			if err != nil {
				return err
			}
			return alive(order)
		},
		close: func() error { transport.CloseIdleConnections(); return nil },
	}
}

func openBare(_ context.Context, v *vendor) (*session, error) {
	transport := newTransport(v)
	return submitBy(v, &http.Client{Transport: transport}, transport), nil
}

// openFailsafe wraps the bare call in failsafe-go: three attempts with
// backoff around a breaker.
//
//nolint:bodyclose // the builders of a response's policies hold no response
func openFailsafe(_ context.Context, v *vendor) (*session, error) {
	transport := newTransport(v)
	retries := failsafehttp.NewRetryPolicyBuilder().WithMaxRetries(2).WithBackoff(50*time.Millisecond, 20*time.Second).Build()
	breaker := circuitbreaker.NewBuilder[*http.Response]().
		HandleIf(func(resp *http.Response, err error) bool { return err != nil || resp.StatusCode >= 500 }).
		WithFailureRateThreshold(0.5, 20, 10*time.Second).WithDelay(5 * time.Second).Build()
	client := &http.Client{Transport: failsafehttp.NewRoundTripper(transport, retries, breaker)}
	return submitBy(v, client, transport), nil
}

func openRetryable(_ context.Context, v *vendor) (*session, error) {
	transport := newTransport(v)
	return submitRetryable(v, transport, transport), nil
}

// openGobreaker puts the breaker below the retries, so that each attempt is
// judged, and has it count 5xx answers.
func openGobreaker(_ context.Context, v *vendor) (*session, error) {
	transport := newTransport(v)
	breaker := gobreaker.NewCircuitBreaker[*http.Response](gobreaker.Settings{ //nolint:bodyclose // a breaker is no response
		Interval: 10 * time.Second, BucketPeriod: time.Second,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.Requests >= 20 && 2*c.TotalFailures >= c.Requests },
	})
	return submitRetryable(v, breakerTransport{breaker, transport}, transport), nil
}

type breakerTransport struct {
	breaker *gobreaker.CircuitBreaker[*http.Response]
	next    http.RoundTripper
}

var errServer = errors.New("the server failed")

// RoundTrip implements [http.RoundTripper].
func (t breakerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.breaker.Execute(func() (*http.Response, error) {
		resp, err := t.next.RoundTrip(req)
		if err == nil && resp.StatusCode >= 500 {
			return resp, errServer
		}
		return resp, err
	})
	if errors.Is(err, errServer) {
		return resp, nil
	}
	return resp, err
}

func submitRetryable(v *vendor, top http.RoundTripper, transport *http.Transport) *session {
	client := retryablehttp.NewClient()
	client.Logger = nil
	client.RetryMax = 2
	client.HTTPClient = &http.Client{Transport: top}
	return &session{
		submit: func(ctx context.Context, job *postproof.Job) error {
			body, err := encode(job)
			if err != nil {
				return err
			}
			req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, v.base+"/postcards", body)
			if err != nil {
				return err
			}
			req.Header = headers(job)
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			order, err := decode(resp)
			if err != nil {
				return err
			}
			return alive(order)
		},
		close: func() error { transport.CloseIdleConnections(); return nil },
	}
}

// sizeNamed returns the one size that is sent here.
func sizeNamed(name string) postproof.Size {
	if size := postproof.Size4x6(); size.Name == name {
		return size
	}
	return postproof.Size{}
}
