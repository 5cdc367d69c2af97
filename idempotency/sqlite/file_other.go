//go:build !unix

package sqlite

import "os"

// fileID knows no inode here: a replaced file is only found when it is older.
func fileID(os.FileInfo) (inode, device string) { return "", "" }

func links(os.FileInfo) uint64 { return 1 }

func bootID() string { return "" }

// syncFolder does nothing: folders cannot be synced, and need not be.
func syncFolder(*os.File) error { return nil }
