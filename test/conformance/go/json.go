package main

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A value of canonical JSON: nil, bool, int64, string, list or object (evidence.md §1).
type (
	value  = any
	list   = []value
	object = map[string]value
)

const (
	maxSafeInteger = 1<<53 - 1
	maxDepth       = 64
)

// parseCanonical reads bytes that encode would write, and refuses all others.
func parseCanonical(data []byte) (value, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("is not UTF-8")
	}
	p := parser{rest: data}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if len(p.rest) > 0 {
		return nil, errors.New("has bytes behind its value")
	}
	if !bytes.Equal(encode(v), data) {
		return nil, errors.New("is not the canonical encoding of its value")
	}
	return v, nil
}

// parser reads JSON without white space; what it is too generous about, the comparison of bytes refuses.
type parser struct{ rest []byte }

func (p *parser) take(literal string) bool {
	if !bytes.HasPrefix(p.rest, []byte(literal)) {
		return false
	}
	p.rest = p.rest[len(literal):]
	return true
}

func (p *parser) value(depth int) (value, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("is nested deeper than %d", maxDepth)
	}
	switch {
	case p.take("null"):
		return nil, nil
	case p.take("true"):
		return true, nil
	case p.take("false"):
		return false, nil
	case p.take("["):
		return p.list(depth)
	case p.take("{"):
		return p.object(depth)
	case p.take(`"`):
		return p.text()
	}
	return p.integer()
}

func (p *parser) list(depth int) (value, error) {
	items := list{}
	if p.take("]") {
		return items, nil
	}
	for {
		item, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if p.take("]") {
			return items, nil
		}
		if !p.take(",") {
			return nil, errors.New("has a list that does not go on")
		}
	}
}

func (p *parser) object(depth int) (value, error) {
	members := object{}
	if p.take("}") {
		return members, nil
	}
	for {
		if !p.take(`"`) {
			return nil, errors.New("has a member without a name")
		}
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		if !p.take(":") {
			return nil, errors.New("has a member without a value")
		}
		if members[name], err = p.value(depth + 1); err != nil {
			return nil, err
		}
		if p.take("}") {
			return members, nil
		}
		if !p.take(",") {
			return nil, errors.New("has an object that does not go on")
		}
	}
}

func (p *parser) text() (string, error) {
	end := 0
	for end < len(p.rest) && p.rest[end] != '"' {
		if p.rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(p.rest) {
		return "", errors.New("has a text without an end")
	}
	raw := string(p.rest[:end])
	p.rest = p.rest[end+1:]
	return unescape(raw)
}

var escapes = map[byte]byte{'"': '"', '\\': '\\', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func unescape(raw string) (string, error) {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		if plain, ok := escapes[raw[i]]; ok {
			out = append(out, plain)
			continue
		}
		// Canonical text escapes a number only for a control character.
		if raw[i] != 'u' || i+5 > len(raw) {
			return "", errors.New("has an unknown escape")
		}
		code, err := strconv.ParseUint(raw[i+1:i+5], 16, 16)
		if err != nil || code >= 0x20 {
			return "", errors.New("has an escape that is not canonical")
		}
		out = append(out, byte(code))
		i += 4
	}
	return string(out), nil
}

func (p *parser) integer() (value, error) {
	end := 0
	for end < len(p.rest) && (p.rest[end] == '-' || p.rest[end] >= '0' && p.rest[end] <= '9') {
		end++
	}
	n, err := strconv.ParseInt(string(p.rest[:end]), 10, 64)
	if err != nil || n > maxSafeInteger || n < -maxSafeInteger {
		return nil, errors.New("has something that is no value of canonical JSON")
	}
	p.rest = p.rest[end:]
	return n, nil
}

// encode is the canonical JSON of a value (RFC 8785).
func encode(v value) []byte { return appendValue(nil, v) }

func appendValue(out []byte, v value) []byte {
	switch v := v.(type) {
	case nil:
		return append(out, "null"...)
	case bool:
		return strconv.AppendBool(out, v)
	case int64:
		return strconv.AppendInt(out, v, 10)
	case string:
		return appendText(out, v)
	case list:
		out = append(out, '[')
		for i, item := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendValue(out, item)
		}
		return append(out, ']')
	case object:
		out = append(out, '{')
		for i, name := range sortedNames(v) {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendText(out, name), ':')
			out = appendValue(out, v[name])
		}
		return append(out, '}')
	}
	panic(fmt.Sprintf("%T is no JSON", v))
}

// sortedNames orders names by their UTF-16 code units (RFC 8785 §3.2.3).
func sortedNames(members object) []string {
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := utf16.Encode([]rune(names[i])), utf16.Encode([]rune(names[j]))
		for k := 0; k < len(a) && k < len(b); k++ {
			if a[k] != b[k] {
				return a[k] < b[k]
			}
		}
		return len(a) < len(b)
	})
	return names
}

func appendText(out []byte, text string) []byte {
	out = append(out, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\b':
			out = append(out, `\b`...)
		case c == '\t':
			out = append(out, `\t`...)
		case c == '\n':
			out = append(out, `\n`...)
		case c == '\f':
			out = append(out, `\f`...)
		case c == '\r':
			out = append(out, `\r`...)
		case c < 0x20:
			out = append(out, fmt.Sprintf(`\u%04x`, c)...)
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}

// without is an object less some of its members.
func without(members object, names ...string) object {
	rest := object{}
	for name, member := range members {
		rest[name] = member
	}
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}
