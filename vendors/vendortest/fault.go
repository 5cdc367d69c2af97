package vendortest

import (
	"net/http"
	"strconv"

	"github.com/postproof/postproof"
)

// boundaries returns every fault that strikes a submission, each with the
// Delivery that the adapter must report. Bodies echo what the vendor knows
// about the recipient, as real ones do: an adapter that quotes them is caught.
func (r *rig) boundaries() []Fault {
	echo := r.echo()
	all := []Fault{
		{Name: "no connection", NotSent: true, Want: postproof.NotSent},
		{Name: "request lost", Lost: true, Want: postproof.Unknown},
		{Name: "answer lost", Lost: true, Reach: true, Want: postproof.Unknown},
		{Name: "answer cut", Cut: true, Want: postproof.Unknown},
	}
	for _, status := range []int{400, 403, 404, 413, 422, 429} {
		all = append(all, Fault{Name: statusName(status), Status: status, Body: r.own(status), Want: postproof.Refused})
	}
	if r.Refusal != nil { // whoever it is that says this
		all = append(all, Fault{Name: statusName(http.StatusBadRequest) + " with an echo", Status: http.StatusBadRequest, Body: echo, Want: postproof.Refused})
	}
	for _, status := range []int{302, 407, 408, 409, 425, 499, 500, 502, 503, 504, 520, 599} {
		all = append(all,
			Fault{Name: statusName(status), Status: status, Body: echo, Want: postproof.Unknown},
			Fault{Name: statusName(status) + " after acceptance", Status: status, Body: echo, Reach: true, Want: postproof.Unknown})
	}
	for _, status := range []int{http.StatusAccepted, http.StatusNoContent} {
		all = append(all, Fault{Name: statusName(status) + " without a body", Status: status, Reach: true, Want: postproof.Unknown})
	}
	if r.Refusal != nil { // in the vendor's own words they are no more of a no
		for _, status := range []int{408, 409, 425, 499, 500, 503} {
			all = append(all, Fault{Name: statusName(status) + " in the vendor's words after acceptance", Status: status, Body: r.Refusal(status), Reach: true, Want: postproof.Unknown})
		}
	}
	for _, body := range brokenBodies(echo) {
		all = append(all, Fault{Name: "200 " + body.name, Status: http.StatusOK, Body: body.bytes, Reach: true, Want: postproof.Unknown})
	}
	return all
}

func statusName(status int) string { return "status " + strconv.Itoa(status) }

type namedBody struct {
	name  string
	bytes []byte
}

// brokenBodies are bodies under which no 2xx may be believed.
func brokenBodies(echo []byte) []namedBody {
	return []namedBody{
		{"without a body", nil},
		{"with null", []byte("null")},
		{"with an empty object", []byte("{}")},
		{"with an empty list", []byte("[]")},
		{"with a string", []byte(`"ok"`)},
		{"with a page of HTML", []byte("<html><body>Service is being maintained</body></html>")},
		{"with half an object", []byte(`{"id":"psc_1234","object":"postcard"`)},
		{"with an error inside", []byte(`{"error":{"code":500,"status_code":500,"message":"oops"}}`)},
		{"with an id that is null", []byte(`{"id":null,"orderID":null,"batchID":null,"object":null}`)},
		{"with an echo", echo},
	}
}

// readFaults returns the faults under which a read must end in an error.
func readFaults(echo []byte) []Fault {
	all := []Fault{
		{Name: "no connection", NotSent: true},
		{Name: "answer lost", Lost: true, Reach: true},
		{Name: "answer cut", Cut: true, Reach: true},
	}
	for _, status := range []int{400, 401, 403, 429, 500, 503} {
		all = append(all, Fault{Name: statusName(status), Status: status, Body: echo})
	}
	for _, body := range brokenBodies(echo) {
		all = append(all, Fault{Name: "200 " + body.name, Status: http.StatusOK, Body: body.bytes})
	}
	return all
}

// strikeEach strikes each of the requests that a read makes with every fault, one
// at a time, and has the read tried each time.
func (r *rig) strikeEach(requests int, try func(n int, f *Fault)) {
	for n := 1; n <= requests; n++ {
		for _, f := range readFaults(r.echo()) {
			if f.Status == http.StatusUnauthorized {
				continue // may be mended by a login
			}
			r.doer.Strike = strikeAt(n, &f)
			try(n, &f)
		}
	}
	r.doer.Strike = nil
}
