//go:build !unix

package pgtest

import "os/exec"

// account is of no use here: the server's programs run as ourselves.
type account struct{}

func unprivileged() (*account, error) { return nil, nil }

func (*account) own(string) error { return nil }

func (*account) runs(*exec.Cmd) {}
