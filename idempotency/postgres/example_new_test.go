package postgres_test

import (
	"context"
	"database/sql"
	"log"
	"os"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
)

// A ledger in the database that the services run already. The driver is the
// program's: import _ "github.com/jackc/pgx/v5/stdlib", for example.
func ExampleNew() { //nolint:testableexamples // it needs a server
	ctx := context.Background()
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	ledger, err := postgres.New(ctx, db, postgres.WithMode(postproof.ModeLive), postgres.WithSchema("mail"))
	if err != nil {
		log.Fatal(err)
	}
	defer ledger.Close()              // leaves db open
	var _ idempotency.Engine = ledger // what package client and its receiver need
}
