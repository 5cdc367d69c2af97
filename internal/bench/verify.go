package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	svix "github.com/svix/svix-webhooks/go"

	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/signature"
)

// verifyRow is what it costs one peer to verify a callback of one size.
type verifyRow struct {
	// Size is the body's, in bytes.
	Size int    `json:"size"`
	Peer string `json:"peer"`
	cost
	// Ratio is the median over the rounds of the time against that of a reused
	// HMAC over the same bytes in the same round.
	Ratio float64 `json:"ratio"`
	// CPURatio is the same for the time on a processor, the collector's part
	// included, which another processor may do meanwhile; 0 when not known.
	CPURatio float64 `json:"cpu_ratio,omitempty"`
}

// The names of those that verify.
const (
	bareMACName     = "reused HMAC-SHA256"
	svixName        = "svix"
	standardName    = "standard-webhooks"
	ourStandardName = "postproof, Standard Webhooks"
	ourJWTName      = "postproof, JWT"
)

// verifySizes are the usual callback and one that brings an object whole.
func verifySizes() []int { return []int{1 << 10, 16 << 10} }

const (
	verifyText     = "a-secret-of-32-bytes-for-callbac"
	verifySecret   = "whsec_YS1zZWNyZXQtb2YtMzItYnl0ZXMtZm9yLWNhbGxiYWM=" //nolint:gosec // the same in base64, and of nobody
	verifyCallback = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
)

// callbackVerifier verifies the same callback again and again.
type callbackVerifier struct {
	name   string
	verify func() error
}

// callbackVerifiers returns everything that is compared, the measure first.
// The peers look at the clock of the machine, so the callback is signed now.
func callbackVerifiers(size int, now time.Time) ([]callbackVerifier, error) {
	body := bytes.Repeat([]byte("x"), size)
	signed, err := signature.StandardWebhooks{}.Sign(verifyCallback, body, now, verifySecret)
	if err != nil {
		return nil, err
	}
	theirs := signed.Clone()
	for name, values := range signed { // svix looks for its own names first
		theirs["Svix"+name[len("Webhook"):]] = values
	}
	other, err := svix.NewWebhook(verifySecret)
	if err != nil {
		return nil, err
	}
	standard, err := standardwebhooks.NewWebhook(verifySecret)
	if err != nil {
		return nil, err
	}
	all := []callbackVerifier{
		{bareMACName, bareMAC(signed, body, now)},
		{svixName, func() error { return other.Verify(body, theirs) }},
		{standardName, func() error { return standard.Verify(body, signed) }},
	}
	for _, ours := range []struct {
		name string
		make func() (vendors.Verifier, http.Header, []byte, error)
	}{
		{"postproof, HMAC (Stannp)", func() (vendors.Verifier, http.Header, []byte, error) {
			s := signature.HMAC{Header: "X-Stannp-Signature"}
			h, err := s.Sign(body, verifyText)
			v, err2 := s.NewVerifier(verifyText)
			return v, h, body, errors.Join(err, err2)
		}},
		{"postproof, time and HMAC (Lob)", func() (vendors.Verifier, http.Header, []byte, error) {
			s := signature.TimestampedHMAC{Header: "Lob-Signature", TimestampHeader: "Lob-Signature-Timestamp"}
			h, err := s.Sign(body, now, verifyText)
			v, err2 := s.NewVerifier(verifyText)
			return v, h, body, errors.Join(err, err2)
		}},
		{"postproof, packed HMAC (PostGrid)", func() (vendors.Verifier, http.Header, []byte, error) {
			s := signature.PackedHMAC{Header: "PostGrid-Signature"}
			h, err := s.Sign(body, now, verifyText)
			v, err2 := s.NewVerifier(verifyText)
			return v, h, body, errors.Join(err, err2)
		}},
		{ourStandardName, func() (vendors.Verifier, http.Header, []byte, error) {
			v, err := signature.StandardWebhooks{}.NewVerifier(verifySecret)
			return v, signed, body, err
		}},
		{ourJWTName, func() (vendors.Verifier, http.Header, []byte, error) {
			claims := fmt.Sprintf(`{"iat":%d,"data":%q}`, now.Unix(), body[:size*3/4]) // the token has about the size
			token, err := signature.JWT{}.Sign([]byte(claims), verifyText)
			v, err2 := signature.JWT{}.NewVerifier(verifyText)
			return v, nil, token, errors.Join(err, err2)
		}},
	} {
		v, h, body, err := ours.make()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ours.name, err)
		}
		all = append(all, callbackVerifier{ours.name, func() error { return v.Verify(h, body, now) }})
	}
	return all, nil
}

// bareMAC is the least that any verification must do: the MAC over id, time
// and body, streamed through a hash that was made before, and a comparison.
func bareMAC(signed http.Header, body []byte, now time.Time) func() error {
	mac := hmac.New(sha256.New, []byte(verifyText))
	head := []byte(verifyCallback + "." + strconv.FormatInt(now.Unix(), 10) + ".")
	var sum [sha256.Size]byte
	want, err := base64.StdEncoding.DecodeString(signed.Get("Webhook-Signature")[len("v1,"):])
	return func() error {
		mac.Reset()
		mac.Write(head)
		mac.Write(body)
		if err != nil || !hmac.Equal(mac.Sum(sum[:0]), want) {
			return errors.New("the bare MAC is another one")
		}
		return nil
	}
}

// slice is how many callbacks one peer verifies before it is the next one's
// turn: so few that whatever else the machine does hits all alike.
const slice = 250

// compareVerifiers measures all of them in interleaved slices: A B C A B C.
func compareVerifiers(ctx context.Context, rounds, callbacks int) ([]verifyRow, error) {
	var rows []verifyRow
	for _, size := range verifySizes() {
		var names []string
		costs := map[string][]cost{}
		for range rounds {
			all, err := callbackVerifiers(size, time.Now()) // none grows stale
			if err != nil {
				return nil, err
			}
			names = names[:0]
			for _, v := range all {
				names = append(names, v.name)
			}
			for range max(1, callbacks/slice) {
				for _, v := range all {
					if err := ctx.Err(); err != nil {
						return nil, err
					}
					c, err := verifySlice(v, min(slice, callbacks))
					if err != nil {
						return nil, fmt.Errorf("%s: %w", v.name, err)
					}
					costs[v.name] = append(costs[v.name], c)
				}
			}
		}
		for _, name := range names {
			rows = append(rows, verifyRow{
				Size: size, Peer: name, cost: medianCost(costs[name]),
				Ratio:    medianRatio(costs[name], costs[bareMACName], func(c cost) float64 { return c.NS }),
				CPURatio: medianRatio(costs[name], costs[bareMACName], func(c cost) float64 { return c.CPU }),
			})
		}
	}
	return rows, nil
}

func verifySlice(v callbackVerifier, callbacks int) (cost, error) {
	verify := func(int) error { return v.verify() }
	if _, err := measure(min(warmUp, callbacks), verify); err != nil {
		return cost{}, err
	}
	return measure(callbacks, verify)
}

// verifyOurs runs postproof alone, for a profile.
func verifyOurs(callbacks int) error {
	for _, size := range verifySizes() {
		all, err := callbackVerifiers(size, time.Now())
		if err != nil {
			return err
		}
		for _, v := range all {
			if !strings.HasPrefix(v.name, postproofName) {
				continue
			}
			if _, err := verifySlice(v, callbacks); err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
		}
	}
	return nil
}

// medianRatio is the median over the slices of one time against another.
func medianRatio(costs, against []cost, of func(cost) float64) float64 {
	ratios := make([]float64, len(costs))
	for i := range ratios {
		ratios[i] = of(costs[i]) / max(1, of(against[i]))
	}
	return median(ratios)
}

// judgeVerify compares what was measured with the targets, of our rows the
// worst. A token is decoded and read, which a MAC is not.
func (r *report) judgeVerify() {
	for _, size := range verifySizes() {
		worst, allocs, standard, peers := 0.0, 0.0, 0.0, map[string]float64{}
		for _, row := range r.Verify {
			if row.Size != size {
				continue
			}
			switch row.Peer {
			case bareMACName:
			case svixName, standardName:
				peers[row.Peer] = row.Ratio
			default:
				allocs = max(allocs, row.Allocs)
				if row.Peer != ourJWTName {
					worst = max(worst, row.Ratio)
				}
				if row.Peer == ourStandardName {
					standard = row.Ratio
				}
			}
		}
		if len(peers) == 0 {
			continue
		}
		of := fmt.Sprintf("callback of %d KiB: ", size>>10)
		r.atMost(of+"times a reused HMAC", worst, maxVerifyRatio)
		// Whole ones: now and then the runtime itself allocates.
		r.atMost(of+"allocations", math.Round(allocs), maxVerifyAllocs)
		for _, peer := range []string{svixName, standardName} {
			r.atMost(of+"of the time of "+peer, standard/peers[peer], maxVerifyShare)
		}
	}
}
