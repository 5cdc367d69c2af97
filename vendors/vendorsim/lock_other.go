//go:build !unix

package vendorsim

import "os"

// lockFile does nothing where there is no lock that ends with the process.
func lockFile(*os.File) error { return nil }

func unlockFile(*os.File) {}
