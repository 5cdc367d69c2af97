package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// A ledger in a file. Its mode is fixed when it is created.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "mail.db")
	store, err := sqlite.Open(ctx, path, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		log.Fatal(err)
	}
	about, err := store.Identity(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("mode:", about.Mode)
	if err := store.Close(); err != nil {
		log.Fatal(err)
	}

	_, err = sqlite.Open(ctx, path, sqlite.WithMode(postproof.ModeLive))
	fmt.Println("as a live one:", postproof.CodeOf(err))
	var _ idempotency.Engine = store // what package client and its receiver need
	// Output:
	// mode: test
	// as a live one: conflict
}
