package vendors

import (
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/postproof/postproof"
)

// CheckBaseURL returns what is wrong with the address of a vendor's API that an
// adapter's constructor was given: it is an http or https URL with a host, and
// without credentials, query and fragment; and what is live goes over https,
// except to this machine, where a simulator is. The error gives the example for a
// good one, and quotes nothing of the URL; it has no code, which the constructor
// gives it together with what else is wrong.
func CheckBaseURL(base, example string, mode postproof.Mode) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("base URL: want an http or https URL such as %s", example)
	}
	if u.Scheme == "http" && mode == postproof.ModeLive && !isLoopback(u.Hostname()) {
		return errors.New("base URL: live credentials are not sent over plain http")
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
