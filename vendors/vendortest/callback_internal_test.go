package vendortest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// talker is an adapter whose vendor sends callbacks.
type talker interface {
	vendors.CallbackVerifier
	vendors.CallbackParser
}

// calls are the replaced parts of an adapter that have to do with callbacks.
type calls struct {
	newVerifier func(secrets ...string) (vendors.Verifier, error)
	// verify is asked when the good verifier refuses; nil passes.
	verify func(header http.Header, body []byte, at time.Time, err error) error
	parse  func(header http.Header, body []byte) ([]*vendors.Notice, error)
	// notice changes what the good parser returns.
	notice func(n *vendors.Notice)
	// without leaves an interface out: "verifier", "parser"; with adds both.
	without string
	with    bool
	sim     func(s Simulator) Simulator
}

// adapter returns the broken adapter with the interfaces that it has.
func (b *broken) adapter() vendors.Adapter {
	good, ok := b.full.(talker)
	switch {
	case b.with:
		return struct {
			*broken
			vendors.CallbackVerifier
			vendors.CallbackParser
		}{b, nil, nil}
	case !ok:
		return b.whole()
	case b.without == "verifier":
		return struct {
			*broken
			vendors.CallbackParser
		}{b, good}
	case b.without == "parser":
		return struct {
			*broken
			vendors.CallbackVerifier
		}{b, good}
	}
	return telling{b, good}
}

// telling is a broken adapter whose vendor sends callbacks.
type telling struct {
	*broken

	good talker
}

func (t telling) NewVerifier(secrets ...string) (vendors.Verifier, error) {
	if t.newVerifier != nil {
		return t.newVerifier(secrets...)
	}
	v, err := t.good.NewVerifier(secrets...)
	if err != nil || t.verify == nil {
		return v, err
	}
	return verifying{v, t.verify}, nil
}

func (t telling) ParseCallback(header http.Header, body []byte) ([]*vendors.Notice, error) {
	if t.parse != nil {
		return t.parse(header, body)
	}
	all, err := t.good.ParseCallback(header, body)
	for _, n := range all {
		if t.notice != nil {
			t.notice(n)
		}
	}
	return all, err
}

// verifying is a verifier that a function has the last word in.
type verifying struct {
	vendors.Verifier

	judge func(header http.Header, body []byte, at time.Time, err error) error
}

func (v verifying) Verify(header http.Header, body []byte, at time.Time) error {
	return v.judge(header, body, at, v.Verifier.Verify(header, body, at))
}

// lobVerifier is a verifier written in a hurry.
type lobVerifier struct {
	secrets []string
	// signed says what the signature is over.
	signed func(stamp string, body []byte) []byte
	equal  func(got, want string) bool
}

func (v lobVerifier) Verify(header http.Header, body []byte, _ time.Time) error {
	for _, secret := range v.secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(v.signed(header.Get("Lob-Signature-Timestamp"), body))
		if v.equal(header.Get("Lob-Signature"), hex.EncodeToString(mac.Sum(nil))) {
			return nil
		}
	}
	return errBroken
}

func hurried(change func(v *lobVerifier)) func(b *broken) {
	return func(b *broken) {
		b.newVerifier = func(secrets ...string) (vendors.Verifier, error) {
			v := lobVerifier{
				secrets: secrets,
				signed:  func(stamp string, body []byte) []byte { return append([]byte(stamp+"."), body...) },
				equal:   func(got, want string) bool { return got == want },
			}
			change(&v)
			return v, nil
		}
	}
}

func callbackBreakages() []breakage {
	caps := func(change func(c *postproof.Callbacks)) func(b *broken) {
		return func(b *broken) {
			b.caps = func(c *postproof.Capabilities) { change(&c.Callbacks) }
		}
	}
	notice := func(change func(n *vendors.Notice)) func(b *broken) {
		return func(b *broken) { b.notice = change }
	}
	return []breakage{
		{"CallbackData", "verified and not declared", "", caps(func(c *postproof.Callbacks) { *c = postproof.Callbacks{} })},
		{"CallbackData", "declared as unsigned", "", caps(func(c *postproof.Callbacks) { c.Auth, c.EventIDs = postproof.CallbackUnsigned, false })},
		{"CallbackData", "signed and nobody verifies", "", func(b *broken) { b.without = "verifier" }},
		{"CallbackData", "sent and nobody parses", "", func(b *broken) { b.without = "parser" }},
		{"CallbackData", "verified by a vendor that sends none", "pcm", func(b *broken) { b.with = true }},
		{"CallbackData", "declared for a vendor that sends none", "pcm", caps(func(c *postproof.Callbacks) { c.Auth = postproof.CallbackSigned })},
		{"CallbackData", "neither callbacks nor a poll", "pcm", func(b *broken) { b.caps = func(c *postproof.Capabilities) { c.Poll = 0 } }},
		{"CallbackData", "patience with the dead", "", caps(func(c *postproof.Callbacks) {
			c.Patience = map[postproof.Stage]time.Duration{postproof.StageReturned: time.Hour}
		})},
		{"CallbackData", "patience without an end", "", caps(func(c *postproof.Callbacks) { c.Patience = nil })},
		{"CallbackData", "nobody can show one", "", func(b *broken) { b.sim = func(s Simulator) Simulator { return struct{ Simulator }{s} } }},
		{"CallbackVerify", "everything verifies", "", func(b *broken) {
			b.verify = func(http.Header, []byte, time.Time, error) error { return nil }
		}},
		{"CallbackVerify", "nothing verifies", "", func(b *broken) {
			b.verify = func(http.Header, []byte, time.Time, error) error { return errBroken }
		}},
		{"CallbackVerify", "the body is read as JSON first", "", hurried(func(v *lobVerifier) {
			v.signed = func(stamp string, body []byte) []byte { return append([]byte(stamp+"."), bytes.TrimSpace(body)...) }
		})},
		{"CallbackVerify", "the time is not covered", "", func(b *broken) {
			b.verify = func(header http.Header, _ []byte, _ time.Time, err error) error {
				if len(header.Get("Lob-Signature-Timestamp")) == 13 && strings.Trim(header.Get("Lob-Signature-Timestamp"), "0123456789") == "" && len(header.Get("Lob-Signature")) == 64 {
					return nil
				}
				return err
			}
		}},
		{"CallbackVerify", "a signature in capitals is another one", "", hurried(func(v *lobVerifier) { v.equal = strings.EqualFold })},
		{"CallbackVerify", "only the beginning is compared", "", hurried(func(v *lobVerifier) {
			v.equal = func(got, want string) bool { return len(got) > 32 && got[:32] == want[:32] }
		})},
		{"CallbackVerify", "the secret is quoted", "", func(b *broken) {
			b.verify = func(_ http.Header, _ []byte, _ time.Time, err error) error {
				if err != nil {
					return errors.New("not signed with " + callbackSecret)
				}
				return nil
			}
		}},
		{"CallbackVerify", "the callback is quoted", "", func(b *broken) {
			b.verify = func(_ http.Header, body []byte, _ time.Time, err error) error {
				if err != nil {
					return fmt.Errorf("%w: %s", err, body)
				}
				return nil
			}
		}},
		{"CallbackSecrets", "any secret will do", "", hurried(func(*lobVerifier) {})},
		{"CallbackSecrets", "only the first secret counts", "", func(b *broken) {
			good, _ := b.full.(talker)
			b.newVerifier = func(secrets ...string) (vendors.Verifier, error) {
				if _, err := good.NewVerifier(secrets...); err != nil {
					return nil, err
				}
				return good.NewVerifier(secrets[0])
			}
		}},
		{"CallbackSecrets", "which secret is wrong is not said", "", func(b *broken) {
			good, _ := b.full.(talker)
			b.newVerifier = func(secrets ...string) (vendors.Verifier, error) {
				v, err := good.NewVerifier(secrets...)
				if err != nil {
					return nil, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, errBroken)
				}
				return v, nil
			}
		}},
		{"CallbackSecrets", "the short secret is quoted", "", func(b *broken) {
			good, _ := b.full.(talker)
			b.newVerifier = func(secrets ...string) (vendors.Verifier, error) {
				v, err := good.NewVerifier(secrets...)
				if err != nil {
					return nil, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, fmt.Errorf("bad secrets %q", secrets))
				}
				return v, nil
			}
		}},
		{"CallbackTime", "the time is not looked at", "", hurried(func(*lobVerifier) {})},
		{"CallbackTime", "the future is not looked at", "", func(b *broken) {
			good, _ := b.full.(talker)
			b.newVerifier = func(secrets ...string) (vendors.Verifier, error) {
				v, err := good.NewVerifier(secrets...)
				return verifying{v, func(header http.Header, body []byte, at time.Time, err error) error {
					if at.Before(signedAt()) {
						return v.Verify(header, body, signedAt())
					}
					return err
				}}, err
			}
		}},
		{"CallbackTime", "the clock of the machine", "", func(b *broken) {
			good, _ := b.full.(talker)
			b.newVerifier = func(secrets ...string) (vendors.Verifier, error) {
				v, err := good.NewVerifier(secrets...)
				return verifying{v, func(header http.Header, body []byte, _ time.Time, _ error) error {
					return v.Verify(header, body, time.Now())
				}}, err
			}
		}},
		{"CallbackParse", "an id for each reading", "", func(b *broken) {
			n := 0
			b.notice = func(notice *vendors.Notice) { n++; notice.Event.ID += fmt.Sprint(n) }
		}},
		{"CallbackParse", "one id for all", "", notice(func(n *vendors.Notice) { n.Event.ID = "evt_1" })},
		{"CallbackParse", "no id", "", notice(func(n *vendors.Notice) { n.Event.ID = "" })},
		{"CallbackParse", "no reference", "", notice(func(n *vendors.Notice) { n.Event.Ref = "" })},
		{"CallbackParse", "another piece", "", notice(func(n *vendors.Notice) { n.Event.VendorID += "0" })},
		{"CallbackParse", "always accepted", "", notice(func(n *vendors.Notice) { n.Event.Status.Stage = postproof.StageAccepted })},
		{"CallbackParse", "never accepted", "", notice(func(n *vendors.Notice) { n.Event.Status.Stage = "" })},
		{"CallbackParse", "from a poll", "", notice(func(n *vendors.Notice) { n.Event.Status.Source = postproof.SourcePoll })},
		{"CallbackParse", "no bytes", "", notice(func(n *vendors.Notice) { n.Event.Raw = nil })},
		{"CallbackParse", "a cancellation is a failure", "", notice(func(n *vendors.Notice) {
			if n.Event.Status.Stage == postproof.StageCanceled {
				n.Event.Status.Stage = postproof.StageFailed
			}
		})},
		{"CallbackParse", "the order of another piece", "", notice(func(n *vendors.Notice) {
			if n.Order != nil {
				n.Order.Facts.Content = "1bbbbbbbbbbbbbbbbbbbbbbb"
			}
		})},
		{"CallbackParse", "a quote of the callback", "", func(b *broken) {
			b.parse = func(_ http.Header, body []byte) ([]*vendors.Notice, error) {
				return nil, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, errors.New(string(body)))
			}
		}},
		{"CallbackAccount", "what is no piece is no event", "", func(b *broken) {
			good, _ := b.full.(talker)
			b.parse = func(header http.Header, body []byte) ([]*vendors.Notice, error) {
				all, err := good.ParseCallback(header, body)
				if err == nil && all[0].Event.VendorID == "" {
					return nil, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, errBroken)
				}
				return all, err
			}
		}},
		{"CallbackAccount", "what is no piece is left out", "", func(b *broken) {
			good, _ := b.full.(talker)
			b.parse = func(header http.Header, body []byte) ([]*vendors.Notice, error) {
				all, err := good.ParseCallback(header, body)
				return slices.DeleteFunc(all, func(n *vendors.Notice) bool { return n.Event.VendorID == "" }), err
			}
		}},
		{"CallbackAccount", "every id is a piece's", "", notice(func(n *vendors.Notice) {
			if n.Event.VendorID == "" {
				n.Event.VendorID = "adr_fc26a9a4b1"
			}
		})},
		{"CallbackAccount", "no bytes are kept", "", notice(func(n *vendors.Notice) { n.Event.Raw = nil })},
		{"CallbackGarbage", "the body is believed", "", func(b *broken) {
			good, _ := b.full.(talker)
			b.parse = func(header http.Header, body []byte) ([]*vendors.Notice, error) {
				var e struct {
					Body struct {
						ID string `json:"id"`
					} `json:"body"`
				}
				if err := json.Unmarshal(body, &e); err == nil {
					_ = e.Body.ID[3] // "every id has a prefix"
				}
				return good.ParseCallback(header, body)
			}
		}},
		{"CallbackGarbage", "garbage has another code", "", func(b *broken) {
			good, _ := b.full.(talker)
			b.parse = func(header http.Header, body []byte) ([]*vendors.Notice, error) {
				all, err := good.ParseCallback(header, body)
				if err != nil {
					err = postproof.NewError(postproof.CodeInternal, postproof.NotSent, errBroken)
				}
				return all, err
			}
		}},
		{"CallbackGarbage", "the buffer is kept", "", func(b *broken) {
			good, _ := b.full.(talker)
			b.parse = func(header http.Header, body []byte) ([]*vendors.Notice, error) {
				all, err := good.ParseCallback(header, body)
				for _, n := range all {
					n.Event.Raw = body
				}
				return all, err
			}
		}},
	}
}
