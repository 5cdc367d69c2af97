package mutant

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// added is the file that the overlay adds to each package that is changed.
const added = "mutant_chosen.go"

// errBeside is why a mutant that the compiler complains of is apart. Whether it
// compiles at all is found out when it is asked for.
var errBeside = errors.New("it does not compile beside the others")

// changes are all variants of one file.
type changes struct {
	source   *source
	variants map[int][]variant // by the number of the body
}

// variants divides the mutants: it returns what the variants are in, by the path
// of the file, and notes which mutants have none.
func (s *Set) variants() (map[string]changes, error) {
	all := map[string]changes{}
	for i, m := range s.mutants {
		found := map[string]map[int]body{}
		for file, text := range s.sources[i] {
			if _, ok := all[file]; !ok {
				old, err := read(s.root, file)
				if err != nil {
					return nil, err
				}
				before, err := parse(old)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", file, err)
				}
				all[file] = changes{before, map[int][]variant{}}
			}
			bodies, err := difference(file, all[file].source, text)
			if err != nil {
				s.apart[m.Name] = fmt.Errorf("%s: %w", file, err)
				break
			}
			found[file] = bodies
		}
		if s.apart[m.Name] != nil {
			continue
		}
		for file, bodies := range found {
			for n, b := range bodies {
				all[file].variants[n] = append(all[file].variants[n], variant{i, s.sources[i][file], b})
			}
		}
	}
	return all, nil
}

func difference(file string, before *source, text string) (map[int]body, error) {
	if strings.HasSuffix(file, "_test.go") {
		return nil, errors.New("it is a test's")
	}
	after, err := parse(text)
	if err != nil {
		return nil, err
	}
	return changed(before, after)
}

// settle writes the overlay of all variants and compiles it, without those that
// the compiler complains of, until it complains of none.
func (s *Set) settle(ctx context.Context, all map[string]changes) error {
	for {
		sources, packages := s.join(all)
		var err error
		if s.overlay, err = s.write("joint", sources); err != nil || len(packages) == 0 {
			return err
		}
		out, err := s.run(ctx, s.overlay, []string{"build"}, packages...)
		if err == nil {
			return nil
		}
		blamed := s.blamed(string(out))
		if len(blamed) == 0 {
			return fmt.Errorf("the mutants do not compile together: %w\n%s", err, out)
		}
		for _, name := range blamed {
			s.apart[name] = errBeside
		}
	}
}

// join returns the sources of the overlay, and the packages that they are of.
func (s *Set) join(all map[string]changes) (sources map[string]string, packages []string) {
	sources = map[string]string{}
	names := map[string]string{} // of the packages, by their folders
	for file, c := range all {
		variants := map[int][]variant{}
		for n, list := range c.variants {
			list = slices.DeleteFunc(slices.Clone(list), func(v variant) bool { return s.apart[s.mutants[v.number].Name] != nil })
			if len(list) > 0 {
				variants[n] = list
			}
		}
		if len(variants) > 0 {
			sources[file] = c.source.joined(s.file(file), variants)
			names[path.Dir(file)] = c.source.pkg
		}
	}
	numbers := maps.Clone(s.numbers)
	maps.DeleteFunc(numbers, func(name string, _ int) bool { return s.apart[name] != nil })
	for dir, name := range names {
		sources[path.Join(dir, added)] = choice(name, numbers)
		packages = append(packages, "./"+dir)
	}
	slices.Sort(packages)
	return sources, packages
}

// blamed returns the mutants in whose variants the compiler found errors. Lines
// of a variant have the mutant's number behind the name of the file.
func (s *Set) blamed(out string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^[^\n]*?\.go#([0-9]+):[0-9]+`).FindAllStringSubmatch(out, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil && n < len(s.mutants) && !slices.Contains(names, s.mutants[n].Name) {
			names = append(names, s.mutants[n].Name)
		}
	}
	return names
}
