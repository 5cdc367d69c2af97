// Package adaptertest is what the tests of this repository's adapters share: a
// job, golden files, and a vendor of vendorsim whose clock stands still. What
// the author of any other adapter needs, too, is in package vendortest.
package adaptertest
