// Package openapi checks the Lob adapter and the Lob simulator against Lob's
// own OpenAPI file: every request that the adapter makes, and every answer
// that the simulator gives. It has tests only.
package openapi
