package operator

import (
	"slices"

	"github.com/postproof/postproof/idempotency"
)

// damagedView is something damaged in JSON.
type damagedView struct {
	Type string `json:"type"`
	// What names it, as in "message 7"; Advice says what to do.
	What   string `json:"what"`
	Advice string `json:"advice"`
}

// past reports whether an error is about one damaged thing, beside which a command
// goes on. It is told of at the end.
func (r *run) past(err error) bool {
	one := idempotency.AsDamaged(err)
	if one == nil {
		return false
	}
	if !slices.ContainsFunc(r.damaged, func(o *idempotency.DamagedError) bool { return o.What() == one.What() }) {
		r.damaged = append(r.damaged, one)
	}
	return true
}

// mostDamaged is how many damaged things are named one by one.
const mostDamaged = 20

// tellDamaged tells of what a command met that is damaged: it needs a person, however
// well the rest went.
func (r *run) tellDamaged(err error) error {
	if len(r.damaged) == 0 {
		return err
	}
	for i, one := range r.damaged {
		r.out.object(damagedView{Type: "damaged", What: one.What(), Advice: one.Advice()})
		if i < mostDamaged {
			r.out.wrapped(" ! ", one.Error())
		}
	}
	if more := len(r.damaged) - mostDamaged; more > 0 {
		r.out.text("And %s more are damaged: -json names all.", number(more))
	}
	if err == nil {
		err = needsPerson(true)
	}
	return err
}
