// Package idempotency is the ledger.
package idempotency
