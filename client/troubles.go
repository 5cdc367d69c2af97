package client

import (
	"context"
	"net/url"
	"strings"
	"time"
)

// TroubleReason is why a vendor is not tried, or not asked about pieces. One that a
// client does not know is a reason to wait.
type TroubleReason string

// The reasons of trouble.
const (
	// TroubleRateLimit: the vendor said that it takes nothing for a while.
	TroubleRateLimit TroubleReason = "rate limit"
	// TroubleBreaker: a client's breaker has opened.
	TroubleBreaker TroubleReason = "breaker"
	// TroubleAccount: the vendor refuses the account.
	TroubleAccount TroubleReason = "account"
	// TroubleOtherAccount: nobody asks for pieces that the vendor accepted, or may have,
	// because they are of an account that By has no credentials of, or does not know to
	// be the same, see [VendorConfig].FormerAccounts.
	TroubleOtherAccount TroubleReason = "another account"
	// TroubleNoAdapter: nobody asks for such pieces, because no client on the ledger that
	// was heard of since By met them has an adapter of the vendor, see
	// [Client.UnconfiguredVendors].
	TroubleNoAdapter TroubleReason = "no adapter"
)

// Trouble is a vendor's trouble that a client on the ledger has met and told the
// others of: see Replicas in the package documentation.
type Trouble struct {
	Vendor string
	// Group is the operation group that is not tried for now, as "submit".
	Group string
	// Reason is what it is, or one of a newer version.
	Reason TroubleReason
	// Account is the fingerprint of the account in question; empty where there is no
	// adapter. Pieces is how many pieces are meant, at least, where the reason is
	// about pieces.
	Account string
	Pieces  int64
	// Since is when it began, if that is known; Until when it is over, unless it
	// is told of again. By is the name of the client that met it.
	Since, Until time.Time
	By           string
}

// Troubles returns what the clients on the ledger have told each other and what
// holds now: which vendors are not tried for a while, and why. It reads the
// ledger, so that it needs no vendors and no running worker; a trouble that ended
// the hard way, with its process, is in it until its time is over. Trouble of a
// client with [WithoutHints] is not.
func (c *Client) Troubles(ctx context.Context) ([]Trouble, error) {
	var out []Trouble
	for set, err := range c.store.Settings(ctx, hintPrefix) {
		if err != nil {
			return nil, c.storeError("troubles", err)
		}
		if _, sign := slotOf(set.Name); sign {
			continue
		}
		said, ok := readHint(set.Value)
		if !ok || said.Reason == troubleOver || !said.Until.After(c.now()) {
			continue
		}
		parts := strings.Split(strings.TrimPrefix(set.Name, hintPrefix), "/")
		vendor, err := url.PathUnescape(parts[0])
		if err != nil || len(parts) != 3 {
			continue
		}
		account, err := url.PathUnescape(parts[1])
		if err != nil {
			continue
		}
		out = append(out, Trouble{
			Vendor: vendor, Group: parts[2], Reason: said.Reason, Account: account, Pieces: said.Pieces,
			Since: said.Since, Until: said.Until, By: said.By,
		})
	}
	return out, nil
}
