// Package operator is a command for the people who run a ledger of mail: what is
// stuck, why, whether paper is at risk, and what can be pressed. The command
// client/cmd/postproof is it for a ledger in SQLite; for another ledger write a
// main of a few lines, see the example.
package operator
