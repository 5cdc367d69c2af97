// Package sqlite keeps the ledger in one SQLite file.
package sqlite
