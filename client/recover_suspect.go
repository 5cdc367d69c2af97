package client

import (
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// lost returns how long the lost history can have worked on a job: since the
// backup, or, if that is not known, the job's last change, but never before the
// job was due. What only a person moves may not have changed for a year: there
// it is nothing, beyond the generations that need no time.
func (c *Client) lost(rec *idempotency.Record, backup time.Time) time.Duration {
	since := backup
	if since.IsZero() {
		if !rec.State.Workable() {
			return 0
		}
		since = rec.UpdatedAt
	}
	if rec.State == idempotency.Planned && rec.Due.After(since) {
		since = rec.Due
	}
	return max(0, c.now().Sub(since))
}

// suspicion names every reference that a lost history of the given length may
// have used for a job: those that the machine can have come to by itself, and
// one more, for a person; and as many again for each recovery that it had.
func (c *Client) suspicion(rec *idempotency.Record, lost time.Duration, recoveries int) idempotency.Suspect {
	return c.suspectUpTo(rec, c.behind(rec, c.reachable(rec, lost)+1, lost, recoveries))
}

// furtherSuspicion is what a record is suspected of when it turns out that the lost
// history had more recoveries than it is doubted for.
func (c *Client) furtherSuspicion(rec *idempotency.Record, lost time.Duration, more int) idempotency.Suspect {
	return c.suspectUpTo(rec, c.behind(rec, rec.Generation, lost, more))
}

// behind returns the highest generation that a record can have come to which was
// doubted up to last, and went on after a recovery, as often as that was.
func (c *Client) behind(rec *idempotency.Record, last int, lost time.Duration, recoveries int) int {
	for range recoveries {
		doubted := *rec // as that recovery left it
		doubted.Generation = last
		doubted.Submissions = append(slices.Clone(rec.Submissions), idempotency.Submission{Generation: last, Join: postproof.Unknown})
		last = c.reachable(&doubted, lost) + 1
	}
	return last
}

// suspectUpTo names every reference of a record from the first that is in question to
// that of the last generation, at every vendor.
func (c *Client) suspectUpTo(rec *idempotency.Record, last int) idempotency.Suspect {
	ns := c.id().Namespace
	refs := map[int]postproof.Ref{}
	for gen := rec.DoubtedFrom(); gen <= last; gen++ {
		refs[gen] = ns.Ref(rec.Mode, rec.Key, gen)
	}
	var ev idempotency.Suspect
	if rec.Erased() {
		return ev // no history has sent anything after the erasure: what is in doubt is what is known
	}
	for _, v := range c.vendors {
		ev.Vendors = append(ev.Vendors, idempotency.SuspectVendor{Vendor: v.name, Account: v.account.Fingerprint, Refs: refs})
	}
	return ev
}

func (c *Client) vendorNames() []string {
	names := make([]string, 0, len(c.vendors))
	for _, v := range c.vendors {
		names = append(names, v.name)
	}
	return names
}
