package signature

import "strings"

// minSecret is the shortest secret, in bytes. See the package comment for why.
const minSecret = 16

// texts checks secrets whose bytes are the key as they stand.
func texts(secrets []string) ([][]byte, error) {
	if len(secrets) == 0 {
		return nil, invalid("no secret: give at least one")
	}
	keys := make([][]byte, len(secrets))
	for i, s := range secrets {
		if problem := checkText(s); problem != "" {
			return nil, badSecret(i, len(secrets), problem)
		}
		keys[i] = []byte(s)
	}
	return keys, nil
}

func checkText(secret string) string {
	const space = " \t\r\n"
	switch {
	case secret == "":
		return "is empty"
	case strings.Trim(secret, space) != secret:
		return "begins or ends with white space: trim it"
	case len(secret) < minSecret:
		return "is shorter than 16 bytes: have the vendor make a longer one"
	}
	return ""
}

// badSecret names a secret by its place.
func badSecret(i, n int, problem string) error {
	return invalid("secret %d of %d %s", i+1, n, problem)
}
