// Package callback receives what vendors tell by themselves.
package callback
