//go:build race

package storetest

// raceDetector: each step takes many times as long, and what it looks for is found
// in few of them as in many.
const raceDetector = true
