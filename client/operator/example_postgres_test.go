package operator_test

import (
	"context"
	"database/sql"
	"flag"
	"os"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
)

// The command for a ledger in PostgreSQL: a main of your own, which imports the
// driver that you use, such as github.com/jackc/pgx/v5/stdlib.
func ExampleMain_postgres() { //nolint:testableexamples // it ends the program
	var dsn string
	code := operator.Main(context.Background(), operator.Config{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, By: os.Getenv("USER"),
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&dsn, "dsn", os.Getenv("DATABASE_URL"), "the ledger's `database`")
		},
		Open: func(ctx context.Context) (client.Store, error) {
			db, err := sql.Open("pgx", dsn)
			if err != nil {
				return nil, err
			}
			return postgres.New(ctx, db)
		},
		Vendors: func(context.Context, postproof.Mode) ([]vendors.Adapter, error) {
			printer, err := lob.New(os.Getenv("LOB_API_KEY"), lob.WithAccount("main")) // as the workers make it
			return []vendors.Adapter{printer}, err
		},
		// What the workers are given: caps, canaries, policies, prices.
		Options: []client.Option{client.WithCanary("spring", 20)},
	})
	os.Exit(code)
}
