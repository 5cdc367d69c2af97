package operator

import (
	"fmt"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// because explains why a job is held, in one sentence for somebody who was woken.
func because(reason idempotency.HoldReason) string {
	switch reason {
	case idempotency.HoldCannotAsk:
		return "The outcome of a send is not known, and its vendor can neither be asked again under the same key nor looked up."
	case idempotency.HoldContentDiffers:
		return "The vendor has a piece under our reference that is not the one we submitted."
	case idempotency.HoldDeadline:
		return "It waited longer than it may: to be sent, to be settled, or for a last status."
	case idempotency.HoldVendorGone:
		return "The vendor that may have it, or its account, is not configured in the workers any more."
	case idempotency.HoldContradiction:
		return "The vendor says that there is no paper, after it said that the piece was mailed."
	case idempotency.HoldGenerations:
		return "The vendors accepted it again and again and failed later each time."
	case idempotency.HoldCannotBuild:
		return "The request that was sent cannot be made again, and its vendor cannot be looked up."
	case idempotency.HoldCanary:
		return "The campaign's canary waits for somebody to look at it and approve it."
	case idempotency.HoldCap:
		return "A cap on pieces or money was reached before it could be sent."
	case idempotency.HoldOperator:
		return "A person asked for it; or the ledger is a copy, and its original goes on with the job."
	default:
		return "A newer version of the workers held it, for a reason that this version does not know."
	}
}

// advice says what a held job needs, beyond what every one needs.
func advice(reason idempotency.HoldReason) string {
	switch reason {
	case idempotency.HoldCannotAsk, idempotency.HoldCannotBuild:
		return "Look for the reference in the vendor's dashboard or on its invoice, then decide by what is there."
	case idempotency.HoldContentDiffers:
		return "Look at the vendor's piece: if it will do, accept it; else have the vendor stop it, then decide planned."
	case idempotency.HoldDeadline:
		return "Find out what kept it, as an outage or a vendor that says nothing; then release it: it gets its time anew."
	case idempotency.HoldVendorGone:
		return "Give the workers that vendor's credentials again and release it (where the account has no name, a rotated key is another account: give the old one, or list it in FormerAccounts); decide only if they are gone for good."
	case idempotency.HoldContradiction:
		return "Ask the vendor what became of the piece: planned makes a second one if the first was mailed."
	case idempotency.HoldGenerations:
		return "Look at its history for why they failed: without a change it fails again."
	case idempotency.HoldCanary:
		return "Look at the canary's pieces, approve the campaign, then release what is held."
	case idempotency.HoldCap:
		return "Raise the cap in the workers' configuration, then release it; before that it comes back here."
	case idempotency.HoldOperator:
		return "Ask who held it. In a copy of a ledger release nothing that the original sends: it would be printed twice."
	default:
		return "Use the command of the version that the workers run."
	}
}

// press is something that can be done to a job, with what it means and risks.
type press struct {
	// Do is the command.
	Do string `json:"do"`
	// Means is what happens, Risk what may go wrong.
	Means string `json:"means"`
	Risk  string `json:"risk"`
	// Mails says that it may bring a piece about.
	Mails bool `json:"mails"`
}

// choices are what may be decided about a held job, the safest first.
func choices(r *idempotency.Record) []press {
	if r.State != idempotency.Held || r.Newer() || r.Tombstone {
		return nil
	}
	live, kept := len(r.Live()) > 0, !r.Receipt.IsZero()
	accepted := press{
		Do: "decide accepted", Means: "The piece is with the vendor: it is followed, and nothing is sent again.",
		Risk: "If the vendor does not have it, nobody gets one.",
	}
	canceled := press{
		Do: "decide canceled", Means: "Nothing is sent any more, and nobody waits for it.",
		Risk: "None on paper: nothing of it was sent that a vendor could have.",
	}
	planned := press{
		Do: "decide planned", Means: "It is sent, as if it were new.", Mails: true,
		Risk: "None on paper beyond the one piece: nothing of it was sent that a vendor could have.",
	}
	if live {
		canceled.Risk = "If a vendor has it, that piece may be printed; the vendor is watched for some days, and it is canceled there if it turns up in time."
		planned.Means = "It is sent anew, in another generation. You answer for it."
		planned.Risk = "If a vendor has the first one after all, two pieces are printed, unless the first is found in time to be stopped."
	}
	release := press{Do: "release", Risk: "None: the vendors are asked, or sent the same again under a key that they know."}
	switch {
	case kept:
		release.Means = "The workers go on following the piece of the receipt."
		release.Risk = "None: nothing is sent while that piece may live."
		if !live {
			return []press{release, canceled, planned}
		}
		return []press{release, accepted, canceled, planned}
	case live && r.Policy == idempotency.PreferDuplicate:
		release.Means, release.Mails = "The workers ask the vendors again; if nobody can be asked it is sent anew, as the campaign's policy has it.", true
		release.Risk = "The campaign prefers a duplicate: if a vendor has the first one after all, two pieces are printed."
		return []press{release, accepted, canceled, planned}
	case live:
		release.Means = "The workers ask the vendors again; it comes back here if nobody can be asked."
		return []press{release, accepted, canceled, planned}
	case r.Cancel.Stands():
		release.Means = "It is canceled, as was wished."
		return []press{release, canceled}
	default:
		release.Means, release.Mails = "It waits to be sent again, and is sent when its turn comes.", true
		release.Risk = "None on paper beyond the one piece: nothing of it was sent that a vendor could have."
		if r.Hold.Reason == idempotency.HoldOperator {
			release.Risk = "If the ledger is a copy, its original sends it, too: then two pieces are printed."
		}
		return []press{release, canceled, planned}
	}
}

// paper is how many pieces of a job may be, or become, paper by what is known
// now, without sending anything more.
type paper struct {
	// Least are with a vendor, Most counts what a vendor may have, too.
	Least int `json:"least"`
	Most  int `json:"most"`
}

func paperOf(r *idempotency.Record) paper {
	var p paper
	for _, s := range r.Live() {
		p.Most++
		if s.Join == postproof.Accepted {
			p.Least++
		}
		if s.Twin != "" {
			p.Least++
			p.Most++
		}
	}
	if !r.Receipt.IsZero() && p.Least == 0 { // its submission may be of an older form
		p.Least, p.Most = 1, max(1, p.Most)
	}
	return p
}

// String is short, for a column.
func (p paper) String() string {
	switch {
	case p.Most == 0:
		return "no"
	case p.Least == 0 && p.Most == 1:
		return "maybe"
	case p.Least == 0:
		return fmt.Sprintf("maybe %d", p.Most)
	case p.Least < p.Most:
		return fmt.Sprintf("%d, maybe %d", p.Least, p.Most)
	case p.Least == 1:
		return "yes"
	default:
		return fmt.Sprintf("%d pieces", p.Least)
	}
}
