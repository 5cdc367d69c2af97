package postproof_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
)

// secretJob returns a job in which every text is a secret of its own, and the
// secrets. Classes, sizes and countries are secrets, too: people paste into
// the wrong column.
func secretJob(r *rand.Rand, art postproof.Artwork) (job postproof.Job, secrets []string) {
	secret := func() string {
		b := make([]byte, 12)
		for i := range b {
			b[i] = byte('a' + r.IntN(26))
		}
		secrets = append(secrets, string(b))
		return string(b)
	}
	fill(reflect.ValueOf(&job.To).Elem(), secret)
	fill(reflect.ValueOf(&job.From).Elem(), secret)
	filled := reflect.New(reflect.TypeOf(art)).Elem()
	fill(filled, secret)
	art, _ = reflect.TypeAssert[postproof.Artwork](filled)
	job.Key = postproof.DeriveKey(secret(), secret(), secret())
	job.Piece = postproof.Postcard{Size: postproof.Size{Name: secret(), Short: 1, Long: 2}, Artwork: art}
	job.Class = postproof.MailClass(secret())
	job.Campaign, job.Contact = secret(), secret()
	job.Metadata = map[string]string{secret(): secret()}
	return job, secrets
}

// fill sets every string below v, a map's single key and value included.
func fill(v reflect.Value, secret func() string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(secret())
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(field, secret)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, secret)
		fill(value, secret)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	default: // numbers say nothing
	}
}

func TestNoPersonalDataInText(t *testing.T) {
	t.Parallel()
	for _, art := range []postproof.Artwork{postproof.HTML{}, postproof.PDF{}, postproof.Images{}, postproof.Template{}} {
		t.Run(string(art.ContentKind()), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, 2))
			for range 20 {
				checkJobText(t, r, art)
			}
		})
	}
}

func checkJobText(t *testing.T, r *rand.Rand, art postproof.Artwork) {
	t.Helper()
	job, secrets := secretJob(r, art)
	letter := postproof.Letter{Size: job.Piece.Sheet(), Artwork: job.Piece.Art()}
	mailer := postproof.SelfMailer{Size: job.Piece.Sheet(), Artwork: job.Piece.Art()}
	caps := capabilities()
	caps.Limits = postproof.Limits{Name: 1, Company: 1, Line1: 1, Line2: 1, Lines: 1, City: 1, HTML: 1, FileBytes: 1, MetadataPairs: 1}
	texts := append(prints(t, job), prints(t, job.To)...)
	for _, v := range []any{&job, job.From, job.Key, job.Piece, letter, mailer, job.Piece.Art(), []postproof.Job{job}} {
		texts = append(texts, prints(t, v)...)
	}
	fails := []error{job.Validate(), job.To.Validate(), job.From.Validate(), job.Key.Validate(), caps.Supports(&job)}
	for _, known := range []func(*postproof.Job){ // on to the next reason of Supports
		func(j *postproof.Job) { j.To.Country = "US" },
		func(j *postproof.Job) {
			j.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: j.Piece.Art()}
		},
		func(j *postproof.Job) { j.Class = postproof.FirstClass },
	} {
		known(&job)
		fails = append(fails, job.Validate(), caps.Supports(&job))
	}
	for _, err := range fails {
		if err != nil {
			texts = append(texts, prints(t, err)...)
		}
		if v, ok := errors.AsType[*postproof.ValidationError](err); ok {
			texts = append(texts, prints(t, v.Fields)...)
		}
	}
	checkSecrets(t, secrets, texts)
}

func TestNoPersonalDataInReceiptsAndEvents(t *testing.T) {
	t.Parallel()
	receipt := postproof.Receipt{Vendor: "lob", VendorID: "psc_1", ProofURL: "https://example.com/sekrit"}
	event := postproof.Event{ID: "evt_1", Vendor: "lob", Raw: json.RawMessage(`"sekrit"`), Status: postproof.Status{Stage: postproof.StageMailed}}
	texts := append(prints(t, receipt), prints(t, event)...)
	checkSecrets(t, []string{"sekrit", "115 101 107 114 105 116", "0x73, 0x65"}, texts)
	for _, want := range []string{"psc_1", "evt_1"} {
		if !strings.Contains(strings.Join(texts, "\n"), want) {
			t.Errorf("no text names %s", want)
		}
	}
}

// checkSecrets compares without regard to case: a country is printed in
// capitals.
func checkSecrets(t *testing.T, secrets, texts []string) {
	t.Helper()
	for _, text := range texts {
		for _, s := range secrets {
			if strings.Contains(strings.ToLower(text), s) {
				t.Fatalf("%q holds %q", text, s)
			}
		}
	}
}

// prints returns v as the verbs of fmt and the handlers of slog write it.
func prints(t *testing.T, v any) []string {
	t.Helper()
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%s"} {
		texts = append(texts, fmt.Sprintf(verb, v))
	}
	var text, jason bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).InfoContext(t.Context(), "x", slog.Any("v", v))
	texts = append(texts, text.String())
	switch v.(type) {
	case []postproof.Job, []postproof.FieldError: // JSON is the ledger's form of a list; see Job.MarshalJSON
	default:
		slog.New(slog.NewJSONHandler(&jason, nil)).InfoContext(t.Context(), "x", slog.Any("v", v))
		texts = append(texts, jason.String())
	}
	return texts
}

func TestRedactedForms(t *testing.T) {
	t.Parallel()
	job := validJob()
	tests := []struct {
		got, want string
	}{
		{job.To.String(), "address(OH, US)"},
		{postproof.Address{Region: "Li", Country: "Wu"}.String(), "address(?)"},
		{postproof.Address{Region: "Bavaria", Country: "DE"}.String(), "address(DE)"},
		{job.Key.String(), "key:" + job.Key.Hash()},
		{job.String(), "job(key:" + job.Key.Hash() + " postcard)"},
		{postproof.Job{Piece: (*postproof.Letter)(nil)}.String(), "job(key:e3b0c44298fc1c14 ?)"},
		{fmt.Sprint(job.Piece), "postcard(4 × 6 in)"},
		{fmt.Sprint(job.Piece.Art()), "artwork(html)"},
		{postproof.Size4x6().String(), "4x6 (4 × 6 in)"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
	if n := len(job.Key.Hash()); n != 16 {
		t.Errorf("a key's hash has %d digits, want 16", n)
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	err := &postproof.Error{
		Code: postproof.CodeRateLimited, Delivery: postproof.Refused, Op: "submit", Vendor: "lob", HTTPStatus: 429,
		VendorCode: "rate_limit_exceeded", RequestID: "req_1", RetryAfter: time.Second, Err: errors.New("slow down"),
	}
	want := "lob: submit: rate_limited (refused): status 429: code rate_limit_exceeded: request req_1: slow down"
	if got := err.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := (&postproof.Error{Code: postproof.CodeInternal}).Error(), "internal"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := err.ErrorType(); got != "rate_limited" {
		t.Errorf("ErrorType() = %q", got)
	}
}
