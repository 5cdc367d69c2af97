package postgrid

import (
	"fmt"
	"net/http"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/signature"
)

// signatureHeader signs a callback whose body is JSON.
const signatureHeader = "PostGrid-Signature"

// signatureAge is how far the time that PostGrid signed may be from that of the
// receipt. Whether a callback that is repeated after hours is signed anew is not
// documented. If it is not, a shorter time would turn every repeat away; and one
// that is sent again by somebody else tells nothing new: its event has an id.
const signatureAge = 7*time.Hour + signature.DefaultTolerance

// verifier verifies both forms of a callback. They cannot be taken for each
// other: what is signed of a token begins with "ey", and with a number
// otherwise.
type verifier struct {
	token, header *signature.Verifier
}

// NewVerifier implements [vendors.CallbackVerifier], for webhooks of either
// payload format. A secret has at least 16 bytes; PostGrid asks for 20.
func (a *Adapter) NewVerifier(secrets ...string) (vendors.Verifier, error) {
	token, err := signature.JWT{Tolerance: signatureAge}.NewVerifier(secrets...)
	if err != nil {
		return nil, verifierError(err)
	}
	header, err := signature.PackedHMAC{Header: signatureHeader, Tolerance: signatureAge}.NewVerifier(secrets...)
	if err != nil {
		return nil, verifierError(err)
	}
	return verifier{token, header}, nil
}

func verifierError(err error) error {
	return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Vendor: Name, Op: "new_verifier", Err: err}
}

// Verify implements [vendors.Verifier]. Its errors are those of package
// vendors/signature.
func (v verifier) Verify(header http.Header, body []byte, receivedAt time.Time) error {
	if isToken(body) {
		return v.token.Verify(header, body, receivedAt)
	}
	return v.header.Verify(header, body, receivedAt)
}

// String names the schemes.
func (v verifier) String() string { return fmt.Sprintf("postgrid(%v or %v)", v.token, v.header) }
