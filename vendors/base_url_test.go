package vendors_test

import (
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func TestCheckBaseURL(t *testing.T) {
	t.Parallel()
	const example = "https://api.acme.example/v1"
	for base, want := range map[string]map[postproof.Mode]string{
		"https://api.acme.example/v1":      {postproof.ModeLive: "", postproof.ModeTest: ""},
		"http://api.acme.example":          {postproof.ModeLive: "plain http", postproof.ModeTest: ""},
		"http://127.0.0.1:8080/v1":         {postproof.ModeLive: "", postproof.ModeTest: ""},
		"http://[::1]/v1":                  {postproof.ModeLive: ""},
		"http://localhost/v1":              {postproof.ModeLive: ""},
		"http://localhost.acme.example/v1": {postproof.ModeLive: "plain http"},
		"api.acme.example/v1":              {postproof.ModeTest: example},
		"https:///v1":                      {postproof.ModeTest: example},
		"ftp://api.acme.example":           {postproof.ModeTest: example},
		"https://u:hush@api.acme.example":  {postproof.ModeTest: example},
		"https://api.acme.example?hush=1":  {postproof.ModeTest: example},
		"https://api.acme.example/#hush":   {postproof.ModeTest: example},
		"https://hush\n":                   {postproof.ModeTest: example},
		"":                                 {postproof.ModeTest: example},
	} {
		for mode, teaches := range want {
			err := vendors.CheckBaseURL(base, example, mode)
			if (err == nil) != (teaches == "") || (err != nil && (!strings.Contains(err.Error(), teaches) || strings.Contains(err.Error(), "hush"))) {
				t.Errorf("%q in mode %s: %v, want %q", base, mode, err, teaches)
			}
		}
	}
}
