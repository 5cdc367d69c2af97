package snapshot_test

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/postproof/postproof/snapshot"
)

// A segment of a list is taken, a person corrects what was rejected, and the
// list is taken again: only the corrected row is new.
func ExampleTakeCorrections() {
	ctx := context.Background()
	list := strings.NewReader(`contact_id,name,address_line1,city,state,zip,last_visit
1,Jo Doe,1 Main St,Reno,NV,89501,2025-03-01
2,Al Roe,2 Main St,Boston,MA,2108,2025-04-01
3,Bo Poe,3 Main St,Reno,NV,89501,2026-01-15
`)
	store := snapshot.NewMemory()
	base, err := snapshot.Take(ctx, snapshot.CSV(list, snapshot.Mapping{}), snapshot.Options{
		Campaign: "check-up", Store: store, Segment: snapshot.Prefix("last_visit", "2025"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%+v\n", base.Counts())
	for r, err := range base.Rejects(ctx) {
		fmt.Println(r.Findings[0], err) // no personal data; the suggestion is in the file
	}

	// What a person does in a spreadsheet.
	file, err := store.Open(ctx, base.ID(), "rejects.csv")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	rejects, err := io.ReadAll(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	edited := strings.Replace(string(rejects), ",2108,", ",02108,", 1)

	corrected, err := snapshot.TakeCorrections(ctx, base, snapshot.CSV(strings.NewReader(edited), snapshot.Mapping{}), snapshot.Options{Store: store})
	if err != nil {
		fmt.Println(err)
		return
	}
	for c, err := range snapshot.Diff(ctx, base, corrected) {
		fmt.Println(c.Kind, c.Row, err)
	}
	// Output:
	// {Read:3 Outside:1 Accepted:1 Rejected:1 Warned:0 Erased:0}
	// row 3: error[bad_postal_code] postal_code: has 4 digits, a spreadsheet may have dropped the leading zero <nil>
	// added row(3) <nil>
}
