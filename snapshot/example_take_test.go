package snapshot_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/postproof/postproof/snapshot"
)

const spring = `contact_id,name,address_line1,city,state,zip
c1,Alex Doe,210 King St,San Francisco,CA,94107
c2,Sam Roe,1 Main St,,IL,62701
c3,Kim Poe,5 Oak Ave,Springfield,IL,62701
`

// A list is frozen. The same list again is the same snapshot, whatever wrote it.
func ExampleTake() {
	ctx := context.Background()
	take := func(list string) *snapshot.Snapshot {
		s, err := snapshot.Take(ctx, snapshot.CSV(strings.NewReader(list), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	first := take(spring)
	fmt.Printf("%+v\n", first.Counts())
	for reject, err := range first.Rejects(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(reject.Findings[0])
	}
	semicolons := strings.ReplaceAll(strings.ReplaceAll(spring, ",", ";"), "\n", "\r\n")
	fmt.Println("the same list from a spreadsheet:", take(semicolons).ID() == first.ID())
	fmt.Println("with a row less:", take(strings.TrimSuffix(spring, "c3,Kim Poe,5 Oak Ave,Springfield,IL,62701\n")).ID() == first.ID())
	// Output:
	// {Read:3 Outside:0 Accepted:2 Rejected:1 Warned:0 Erased:0}
	// row 3: error[missing] city: missing
	// the same list from a spreadsheet: true
	// with a row less: false
}

// A snapshot in a folder is opened by its id, in any process. Open verifies every
// byte before it returns.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "lists")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	folder, err := snapshot.OpenFolder(dir)
	if err != nil {
		log.Fatal(err)
	}
	taken, err := snapshot.Take(ctx, snapshot.CSV(strings.NewReader(spring), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: folder})
	if err != nil {
		log.Fatal(err)
	}

	s, err := snapshot.Open(ctx, folder, taken.ID()) // the id is what a job's record or a person keeps
	if err != nil {
		log.Fatal(err)
	}
	for row, err := range s.Rows(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(row, row.ContactID) // a row prints as its number: it is personal data
	}
	// Output:
	// row(2) c1
	// row(4) c3
}

// One file holds a snapshot, for an archive or another machine.
func ExampleExport() {
	ctx := context.Background()
	taken, err := snapshot.Take(ctx, snapshot.CSV(strings.NewReader(spring), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if err := snapshot.Export(ctx, taken, &file); err != nil {
		log.Fatal(err)
	}
	opened, err := snapshot.OpenExport(ctx, bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the same:", opened.ID() == taken.ID())

	damaged := bytes.Clone(file.Bytes())
	damaged[len(damaged)/2] ^= 1
	if _, err = snapshot.OpenExport(ctx, bytes.NewReader(damaged), int64(len(damaged))); err != nil {
		fmt.Println("with a bit flipped it does not open")
	}
	// Output:
	// the same: true
	// with a bit flipped it does not open
}
