package postgres_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
)

// refusing is a server that lets nobody in, with an error of its own.
type refusing struct{ err error }

func (r refusing) Connect(context.Context) (driver.Conn, error) { return nil, r.err }
func (r refusing) Driver() driver.Driver                        { return nil }

// stateError is a server's error as drivers return it.
type stateError string

func (e stateError) Error() string    { return "the server says no (SQLSTATE " + string(e) + ")" }
func (e stateError) SQLState() string { return string(e) }

// Whatever keeps a ledger from being opened, the error has a class, says that
// nothing was sent, where it was and what to do.
func TestOpenErrorsHaveAClass(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	test := postgres.WithMode(postproof.ModeTest)
	for _, c := range []struct {
		name   string
		ctx    context.Context
		server error
		most   int
		opts   []postgres.Option
		code   postproof.Code
		say    string
	}{
		{"unknown mode", t.Context(), nil, 0, []postgres.Option{postgres.WithMode("prod")}, postproof.CodeInvalidArgument, `want "test" or "live"`},
		{"bad schema", t.Context(), nil, 0, []postgres.Option{postgres.WithSchema("a-b")}, postproof.CodeInvalidArgument, "WithSchema: want a name"},
		{"narrow pool", t.Context(), nil, 2, []postgres.Option{test}, postproof.CodeInvalidArgument, "SetMaxOpenConns"},
		{"password", t.Context(), stateError("28P01"), 0, []postgres.Option{test}, postproof.CodeUnauthenticated, "28P01"},
		{"no database", t.Context(), stateError("3D000"), 0, []postgres.Option{test}, postproof.CodeNotFound, "3D000"},
		{"permission", t.Context(), stateError("42501"), 0, []postgres.Option{test}, postproof.CodePermissionDenied, "the role lacks a permission"},
		{"damaged", t.Context(), stateError("XX001"), 0, []postgres.Option{test}, postproof.CodeInternal, "restore a backup"},
		{"disk full", t.Context(), stateError("53100"), 0, []postgres.Option{test}, postproof.CodeUnavailable, "disk is full"},
		{"no server", t.Context(), errors.New("connection refused"), 0, []postgres.Option{test}, postproof.CodeUnavailable, "connection refused"},
		{"canceled", canceled, stateError("3D000"), 0, []postgres.Option{test}, postproof.CodeCanceled, "canceled"},
	} {
		db := sql.OpenDB(refusing{c.server})
		db.SetMaxOpenConns(c.most)
		_, err := postgres.New(c.ctx, db, c.opts...)
		checkOpenError(t, c.name, err, c.code, c.say)
		if c.code == postproof.CodeInternal && !errors.Is(err, idempotency.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", c.name, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err := postgres.New(t.Context(), nil, test)
	checkOpenError(t, "no pool", err, postproof.CodeInvalidArgument, "no *sql.DB")
}

func checkOpenError(t *testing.T, name string, err error, code postproof.Code, say string) {
	t.Helper()
	e, ok := err.(*postproof.Error) //nolint:errorlint // the outermost is to be one
	if !ok || e.Op != "postgres: open" {
		t.Errorf("%s: %T %v, want a *postproof.Error of postgres: open", name, err, err)
		return
	}
	if postproof.CodeOf(err) != code || postproof.DeliveryOf(err) != postproof.NotSent || !strings.Contains(err.Error(), say) {
		t.Errorf("%s: %v, want %s, not sent, and %q in it", name, err, code, say)
	}
}
