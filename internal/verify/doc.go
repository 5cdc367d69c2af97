// Package verify says what became of a campaign by comparing the list of
// contacts with the vendors' print logs, and with nothing else.
//
// It is the second opinion on the library's promise: it imports the standard
// library only, shares no code with what it judges, and reads only what would
// exist without it. The digests by which recipients are compared are computed
// here from the documented form, not by the simulators' own function.
//
// # What it can see
//
// A piece is compared by its recipient, an address. Where n contacts share an
// address, n pieces are asked for. Pieces of one order (one reference) beyond
// the first are doubled even then. What cannot be told apart is a contact
// whose two pieces went out under two references while its neighbor at the
// same address got none.
package verify
