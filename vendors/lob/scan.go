package lob

import "math/bits"

// The scanner reads JSON as strictly as encoding/json does, in one pass and
// without a state for each byte: an answer is read while its sender waits. Its
// functions take the document and an index and return the index behind what
// they read, or malformed. A test holds it against encoding/json.

const malformed = -1

// maxDepth is the depth at which encoding/json gives up.
const maxDepth = 10000

// scanValue reads any value; depth counts the objects and arrays around it.
func scanValue(doc []byte, i, depth int) int {
	if uint(i) >= uint(len(doc)) {
		return malformed
	}
	switch doc[i] {
	case '"':
		return scanString(doc, i)
	case '{':
		return scanObject(doc, i, depth+1)
	case '[':
		return scanArray(doc, i, depth+1)
	case 'n':
		return scanLiteral(doc, i, "null")
	case 't':
		return scanLiteral(doc, i, "true")
	case 'f':
		return scanLiteral(doc, i, "false")
	default:
		return scanNumber(doc, i)
	}
}

func scanObject(doc []byte, i, depth int) int {
	if depth > maxDepth {
		return malformed
	}
	i, more := scanOpening(doc, i, '}')
	for more {
		_, _, i = scanMember(doc, i, depth)
		i, more = scanComma(doc, i, '}')
	}
	return i
}

func scanArray(doc []byte, i, depth int) int {
	if depth > maxDepth {
		return malformed
	}
	i, more := scanOpening(doc, i, ']')
	for more {
		i, more = scanComma(doc, scanValue(doc, i, depth), ']')
	}
	return i
}

// scanMember reads a name and its value, and says where they end and begin.
func scanMember(doc []byte, i, depth int) (nameEnd, value, end int) {
	if uint(i) >= uint(len(doc)) || doc[i] != '"' {
		return 0, 0, malformed
	}
	nameEnd = scanString(doc, i)
	if nameEnd < 0 {
		return 0, 0, malformed
	}
	colon := skipSpace(doc, nameEnd)
	if colon >= len(doc) || doc[colon] != ':' {
		return 0, 0, malformed
	}
	value = skipSpace(doc, colon+1)
	return nameEnd, value, scanValue(doc, value, depth)
}

// scanOpening reads the bracket at i and reports whether anything is behind it
// before the closing one.
func scanOpening(doc []byte, i int, closing byte) (next int, more bool) {
	i = skipSpace(doc, i+1)
	if i < len(doc) && doc[i] == closing {
		return i + 1, false
	}
	return i, true
}

// scanComma reads what is behind a member or an element: a comma, then there
// must be more, or the closing bracket.
func scanComma(doc []byte, i int, closing byte) (next int, more bool) {
	if i < 0 {
		return malformed, false
	}
	i = skipSpace(doc, i)
	switch {
	case i < len(doc) && doc[i] == ',':
		return skipSpace(doc, i+1), true
	case i < len(doc) && doc[i] == closing:
		return i + 1, false
	default:
		return malformed, false
	}
}

// scanString reads a string, eight bytes at a time where none of them is a
// quote, a backslash or a control character. Like encoding/json it leaves
// UTF-8 to those who want the text.
func scanString(doc []byte, i int) int {
	for i++; ; {
		for ; i+wordSize <= len(doc); i += wordSize {
			if special := specialBytes(wordAt(doc, i)); special != 0 {
				i += bits.TrailingZeros64(special) / 8
				break
			}
		}
		if i >= len(doc) {
			return malformed
		}
		switch b := doc[i]; {
		case b == '"':
			return i + 1
		case b == '\\':
			if i = scanEscape(doc, i); i < 0 {
				return malformed
			}
		case b < ' ':
			return malformed
		default: // one of the last seven bytes
			i++
		}
	}
}

// specialBytes marks the quotes, backslashes and control characters of a word.
func specialBytes(word uint64) uint64 {
	return (marked(word, '"') | marked(word, '\\') | below(word, ' ')) & highBits
}

func scanEscape(doc []byte, i int) int {
	if i+1 >= len(doc) {
		return malformed
	}
	switch doc[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		const length = len(`\u0000`)
		if i+length > len(doc) {
			return malformed
		}
		for _, b := range doc[i+2 : i+length] {
			if (b < '0' || b > '9') && (b < 'a' || b > 'f') && (b < 'A' || b > 'F') {
				return malformed
			}
		}
		return i + length
	default:
		return malformed
	}
}

func scanLiteral(doc []byte, i int, literal string) int {
	end := i + len(literal)
	if end > len(doc) || string(doc[i:end]) != literal {
		return malformed
	}
	return end
}

func scanNumber(doc []byte, i int) int {
	if doc[i] == '-' {
		i++
	}
	first := i
	i = scanDigits(doc, i)
	if i < 0 || (doc[first] == '0' && i > first+1) {
		return malformed
	}
	if i < len(doc) && doc[i] == '.' {
		if i = scanDigits(doc, i+1); i < 0 {
			return malformed
		}
	}
	if i < len(doc) && (doc[i] == 'e' || doc[i] == 'E') {
		if i++; i < len(doc) && (doc[i] == '+' || doc[i] == '-') {
			i++
		}
		return scanDigits(doc, i)
	}
	return i
}

// scanDigits reads at least one digit.
func scanDigits(doc []byte, i int) int {
	first := i
	for i < len(doc) && doc[i] >= '0' && doc[i] <= '9' {
		i++
	}
	if i == first {
		return malformed
	}
	return i
}

func skipSpace(doc []byte, i int) int {
	for i < len(doc) && (doc[i] == ' ' || doc[i] == '\n' || doc[i] == '\t' || doc[i] == '\r') {
		i++
	}
	return i
}
