package main

import (
	"path/filepath"
	"testing"
)

func TestBreaksAreFresh(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	names, rules := map[string]bool{}, map[int]bool{}
	for _, b := range breaks() {
		if names[b.Name] || b.What == "" {
			t.Errorf("%s: there twice, or without a word", b.Name)
		}
		names[b.Name], rules[b.Rule] = true, true
		if _, err := b.mutant().Sources(root); err != nil {
			t.Error(err)
		}
	}
	for rule := 1; rule <= 14; rule++ {
		if !rules[rule] {
			t.Errorf("rule %d cannot be broken", rule)
		}
	}
}
