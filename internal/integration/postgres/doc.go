// Package postgres runs the store's suite on PostgreSQL, and has the tests that
// stop, kill and cut off the server while the store is at work.
package postgres
