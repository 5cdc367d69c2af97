// Package postgres keeps the ledger in a PostgreSQL database, for any number of
// replicas.
package postgres
