package openapi_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dlclark/regexp2"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"go.yaml.in/yaml/v4"
)

// specDigest is the SHA-256 of the file as Lob publishes it, see
// testdata/README.md.
const specDigest = "5d2b91b838d778d83b841a245b1674aa2a59887ef69568a650331f813c3ca1b5"

// spec is the loaded document and a router over it. It is read only.
type spec struct {
	doc    *openapi3.T
	router routers.Router
}

var loadSpec = sync.OnceValues(func() (*spec, error) {
	raw, err := os.ReadFile("testdata/lob-api-bundled.yml")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	if got := hex.EncodeToString(sum[:]); got != specDigest {
		return nil, fmt.Errorf("testdata/lob-api-bundled.yml: digest %s, want %s", got, specDigest)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	if err := patch(tree); err != nil {
		return nil, err
	}
	document, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, err
	}
	// The document as a whole is not validated: schemas of campaigns, which
	// nothing here uses, have an array without items.
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, err
	}
	return &spec{doc, router}, nil
})

// contentRefs is how often the file has a $ref directly under content.
const contentRefs = 52

// patch makes the file one that the validator loads, and mends two schemas that
// exclude what Lob's prose and examples allow. The whole list of edits:
//
//  1. "content: {$ref: '#/components/mediaTypes/X'}" is no place for a $ref in
//     OpenAPI 3.0: the media types named are put there.
//  2. components.mediaTypes, which OpenAPI 3.0 does not have, is removed.
//  3. schemas.letter: oneOf becomes anyOf. A certified or registered letter is
//     also a regular one, whose schema does not forbid extra_service.
//  4. schemas.inline_address_intl.allOf[2]: oneOf becomes anyOf. An address may
//     have a city, a state and a postal code.
func patch(tree map[string]any) error {
	components, ok := tree["components"].(map[string]any)
	if !ok {
		return errors.New("no components")
	}
	media, ok := components["mediaTypes"].(map[string]any)
	if !ok {
		return errors.New("no components.mediaTypes: the patch is not needed any more")
	}
	n, err := inline(tree, media)
	if err == nil && n != contentRefs {
		err = fmt.Errorf("%d references under content, want %d", n, contentRefs)
	}
	delete(components, "mediaTypes")
	if err != nil {
		return err
	}
	schemas, ok := components["schemas"].(map[string]any)
	if !ok {
		return errors.New("no components.schemas")
	}
	if err := anyOf(schemas["letter"]); err != nil {
		return fmt.Errorf("letter: %w", err)
	}
	abroad, ok := schemas["inline_address_intl"].(map[string]any)
	if !ok {
		return errors.New("no schema inline_address_intl")
	}
	parts, ok := abroad["allOf"].([]any)
	if !ok || len(parts) != 3 {
		return errors.New("inline_address_intl: not three parts")
	}
	return anyOf(parts[2])
}

func anyOf(schema any) error {
	m, ok := schema.(map[string]any)
	if !ok || m["oneOf"] == nil {
		return errors.New("no oneOf to change")
	}
	m["anyOf"] = m["oneOf"]
	delete(m, "oneOf")
	return nil
}

func inline(node any, media map[string]any) (n int, err error) {
	switch x := node.(type) {
	case map[string]any:
		if content, ok := x["content"].(map[string]any); ok {
			if ref, ok := content["$ref"].(string); ok {
				name := strings.TrimPrefix(ref, "#/components/mediaTypes/")
				types, ok := media[name]
				if !ok {
					return 0, fmt.Errorf("no media type %s", ref)
				}
				x["content"] = types
				n++
			}
		}
		for k, v := range x {
			if k == "mediaTypes" {
				continue
			}
			m, err := inline(v, media)
			if n += m; err != nil {
				return n, err
			}
		}
	case []any:
		for _, v := range x {
			m, err := inline(v, media)
			if n += m; err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// pattern is a regular expression of ECMAScript, which has the (?!…) that Go's
// has not.
type pattern struct{ *regexp2.Regexp }

// MatchString implements [openapi3.RegexMatcher].
func (p pattern) MatchString(s string) bool {
	ok, err := p.Regexp.MatchString(s)
	return err == nil && ok
}

func compile(expr string) (openapi3.RegexMatcher, error) {
	re, err := regexp2.Compile(expr, regexp2.ECMAScript)
	return pattern{re}, err
}

func options() *openapi3filter.Options {
	return &openapi3filter.Options{
		RegexCompiler: compile, MultiError: true, IncludeResponseStatus: true, SkipSettingDefaults: true,
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, RejectWhenRequestBodyNotSpecified: true,
	}
}

func load(t *testing.T) *spec {
	t.Helper()
	s, err := loadSpec()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkNames finds what the validator lets pass because the schemas do not
// forbid it: query parameters and properties that nobody knows.
func checkNames(op *openapi3.Operation, query url.Values, body any, schema *openapi3.SchemaRef) error {
	var known []string
	for _, p := range op.Parameters {
		if p.Value.In == "query" {
			known = append(known, strings.Split(p.Value.Name, "/")...) // "before/after" is two
		}
	}
	for name := range query {
		base, _, _ := strings.Cut(name, "[")
		if !slices.Contains(known, base) {
			return fmt.Errorf("query parameter %q is not known", name)
		}
	}
	if schema == nil {
		return nil
	}
	return checkProperties("", body, schema)
}

func checkProperties(path string, body any, schema *openapi3.SchemaRef) error {
	object, ok := body.(map[string]any)
	if !ok {
		return nil
	}
	known := properties(schema)
	for name, v := range object {
		inner, ok := known[name]
		if !ok {
			return fmt.Errorf("property %s%s is not known", path, name)
		}
		if name == "metadata" || name == "merge_variables" {
			continue // the sender's own names
		}
		if err := checkProperties(path+name+".", v, inner); err != nil {
			return err
		}
	}
	return nil
}

// properties collects what a schema and its parts know.
func properties(schema *openapi3.SchemaRef) openapi3.Schemas {
	all := openapi3.Schemas{}
	maps.Copy(all, schema.Value.Properties)
	for _, parts := range []openapi3.SchemaRefs{schema.Value.AllOf, schema.Value.AnyOf, schema.Value.OneOf} {
		for _, part := range parts {
			for name, p := range properties(part) {
				if _, ok := all[name]; !ok {
					all[name] = p
				}
			}
		}
	}
	return all
}

// exchange is a request and its answer.
type exchange struct {
	method string
	url    string
	header http.Header
	body   []byte
	status int
	// answer is nil when only the request is checked.
	answer       []byte
	answerHeader http.Header
}
