//go:build race

package signature_test

// raceEnabled: the race detector makes sync.Pool forget at random, so that
// memory cannot be measured.
const raceEnabled = true
