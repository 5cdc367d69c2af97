//go:build !unix

package spool

import "os"

func giveToOwner(*os.File, string) {} // what a file may be used for follows from its folder
