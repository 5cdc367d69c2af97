package client

import (
	"errors"
	"strings"
)

// Whatever a person does names that person: by is required everywhere, and white
// space is no name. The reason is required where a call takes it as an argument of
// its own or says so at the field; where it is given by [Because], or in the
// options of a call, it may be left out.

// asked refuses what nobody asks for, before anything is read or written.
func asked(op, by string) error {
	if strings.TrimSpace(by) == "" {
		return invalid(op, errors.New("name who asks for it: by is blank, and it stands in the change log"))
	}
	return nil
}

// reasoned refuses what nobody asks for, and what no reason is given for.
func reasoned(op, by, why string) error {
	if err := asked(op, by); err != nil {
		return err
	}
	if strings.TrimSpace(why) == "" {
		return invalid(op, errors.New("give the reason: why is blank, and whoever reads the change log later has nothing else"))
	}
	return nil
}
