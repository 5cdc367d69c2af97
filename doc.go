// Package postproof TODO
package postproof
