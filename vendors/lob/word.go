package lob

// Text is looked at eight bytes at a time, as a word: what is to be found in
// it is rare. A mark is the high bit of a byte. The lowest mark is always
// right; of those above it, one may stand at a byte that is next to what was
// looked for.

const (
	wordSize = 8
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// wordAt returns the eight bytes from i, the first of them lowest. The compiler
// makes one load of it.
func wordAt[T []byte | string](s T, i int) uint64 {
	_ = s[i+wordSize-1]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

// marked marks the bytes that are b, an ASCII character. The other bits of the
// result mean nothing.
func marked(word uint64, b byte) uint64 {
	other := word ^ lowBits*uint64(b)
	return (other - lowBits) &^ other
}

// below marks the bytes that are lower than b, an ASCII character.
func below(word uint64, b byte) uint64 { return (word - lowBits*uint64(b)) &^ word }

// isPlain reports whether s is ASCII without a backslash.
func isPlain(s []byte) bool {
	i := 0
	for ; i+wordSize <= len(s); i += wordSize {
		if word := wordAt(s, i); (word|marked(word, '\\'))&highBits != 0 {
			return false
		}
	}
	for _, b := range s[i:] {
		if b == '\\' || b > '\x7f' {
			return false
		}
	}
	return true
}
