package main

import (
	_ "embed"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// The fields of records, in the notation of evidence.md §11: the block itself, as it stands in the document.
//
//go:embed fields.txt
var fieldsText string

// check says why a value is not of a type, or "".
type check func(v value) string

// fieldChecks holds what each name of the document means.
var fieldChecks = func() map[string]check {
	names := map[string]check{
		"any":     func(value) string { return "" },
		"null":    literal(nil),
		"bool":    isBool,
		"uint256": decimal(big.NewInt(0), new(big.Int).Lsh(big.NewInt(1), 256)),
		"int256":  decimal(new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 255)), new(big.Int).Lsh(big.NewInt(1), 255)),
	}
	g := grammar{names: names}
	for _, token := range regexp.MustCompile(`"[^"]*"|\.\.|-?[0-9]+x|-?[0-9]+|[A-Za-z][A-Za-z0-9]*|[^\s]`).FindAllString(fieldsText, -1) {
		g.tokens = append(g.tokens, token)
	}
	for len(g.tokens) > 0 {
		name := g.next()
		g.expect("=")
		names[name] = g.union()
	}
	return names
}()

// grammar reads `name = type` definitions; a name may be used before it is defined.
type grammar struct {
	tokens []string
	names  map[string]check
}

func (g *grammar) peek(n int) string {
	if n >= len(g.tokens) {
		return ""
	}
	return g.tokens[n]
}

func (g *grammar) next() string {
	token := g.peek(0)
	g.tokens = g.tokens[1:]
	return token
}

func (g *grammar) expect(token string) {
	if got := g.next(); got != token {
		panic(fmt.Sprintf("fields: %q where %q should stand", got, token))
	}
}

func (g *grammar) isNext(token string) bool {
	if g.peek(0) != token {
		return false
	}
	g.next()
	return true
}

// union is `a | b`, in which one must fit.
func (g *grammar) union() check {
	options := []check{g.single()}
	for g.isNext("|") {
		options = append(options, g.single())
	}
	if len(options) == 1 {
		return options[0]
	}
	return func(v value) string {
		why := ""
		for _, option := range options {
			if why = option(v); why == "" {
				return ""
			}
		}
		return "is none of its alternatives: " + why
	}
}

func (g *grammar) single() check {
	found := g.plain()
	if !g.isNext("where") {
		return found
	}
	condition, ok := conditions[g.next()]
	if !ok {
		panic("fields: an unknown condition")
	}
	return func(v value) string {
		if why := found(v); why != "" {
			return why
		}
		return condition(v)
	}
}

func (g *grammar) plain() check {
	token := g.next()
	switch token {
	case "[":
		item := g.union()
		g.expect(";")
		low, high := g.limits("]")
		return listOf(item, low, high)
	case "{":
		return g.members()
	case "map":
		g.expect("(")
		key := g.union()
		g.expect(",")
		member := g.union()
		g.expect(")")
		return mapOf(key, member)
	case "text":
		g.expect("(")
		low, high := g.limits(")")
		return text(low, high)
	case "int":
		g.expect("(")
		low, high := g.limits(")")
		return integer(low, high)
	case "bytes":
		g.expect("(")
		low, high := g.limits(")")
		return hexText("0x", 2*low, 2*high)
	case "hex", "0x":
		g.expect("(")
		digits, _ := strconv.ParseInt(g.next(), 10, 64)
		g.expect(")")
		return hexText(strings.TrimPrefix(token, "hex"), digits, digits)
	}
	if token[0] == '"' {
		return literal(strings.Trim(token, `"`))
	}
	if n, err := strconv.ParseInt(token, 10, 64); err == nil {
		return literal(n)
	}
	return func(v value) string { return g.names[token](v) }
}

func (g *grammar) limits(end string) (int64, int64) {
	low, err := strconv.ParseInt(g.next(), 10, 64)
	if err != nil {
		panic(err)
	}
	g.expect("..")
	high := int64(maxSafeInteger)
	if g.peek(0) != end {
		if high, err = strconv.ParseInt(g.next(), 10, 64); err != nil {
			panic(err)
		}
	}
	g.expect(end)
	return low, high
}

func (g *grammar) members() check {
	fields, optional := map[string]check{}, map[string]bool{}
	for {
		name := g.next()
		optional[name] = g.isNext("?")
		g.expect(":")
		fields[name] = g.union()
		if g.isNext("}") {
			break
		}
		g.expect(",")
	}
	return func(v value) string {
		members, ok := v.(object)
		if !ok {
			return "is no object"
		}
		for name, member := range members {
			field, ok := fields[name]
			if !ok {
				return fmt.Sprintf("has a field %q that no record has", name)
			}
			if why := field(member); why != "" {
				return name + ": " + why
			}
		}
		for name := range fields {
			if _, ok := members[name]; !ok && !optional[name] {
				return "has no " + name
			}
		}
		return ""
	}
}

func literal(want value) check {
	return func(v value) string {
		if v == want {
			return ""
		}
		return fmt.Sprintf("is not %v", want)
	}
}

func isBool(v value) string {
	if _, ok := v.(bool); ok {
		return ""
	}
	return "is neither true nor false"
}

func listOf(item check, low, high int64) check {
	return func(v value) string {
		items, ok := v.(list)
		if !ok || int64(len(items)) < low || int64(len(items)) > high {
			return fmt.Sprintf("is no list of %d to %d", low, high)
		}
		for i, one := range items {
			if why := item(one); why != "" {
				return fmt.Sprintf("%d: %s", i, why)
			}
		}
		return ""
	}
}

func mapOf(key, member check) check {
	return func(v value) string {
		members, ok := v.(object)
		if !ok {
			return "is no object"
		}
		for name, one := range members {
			if why := key(name); why != "" {
				return why
			}
			if why := member(one); why != "" {
				return name + ": " + why
			}
		}
		return ""
	}
}

// text is measured in UTF-16 code units, as the document says.
func text(low, high int64) check {
	return func(v value) string {
		s, ok := v.(string)
		if units := int64(len(utf16.Encode([]rune(s)))); !ok || units < low || units > high {
			return fmt.Sprintf("is no text of %d to %d", low, high)
		}
		return ""
	}
}

func integer(low, high int64) check {
	return func(v value) string {
		if n, ok := v.(int64); !ok || n < low || n > high {
			return fmt.Sprintf("is no integer from %d to %d", low, high)
		}
		return ""
	}
}

func hexText(prefix string, low, high int64) check {
	digits := regexp.MustCompile("^" + prefix + "((?:[0-9a-f]{2})*)$")
	return func(v value) string {
		s, _ := v.(string)
		found := digits.FindStringSubmatch(s)
		if found == nil || int64(len(found[1])) < low || int64(len(found[1])) > high {
			return fmt.Sprintf("is no hexadecimal text of %d to %d digits", low, high)
		}
		return ""
	}
}

var decimalText = regexp.MustCompile(`^(?:0|-?[1-9][0-9]{0,77})$`)

func decimal(low, beyond *big.Int) check {
	return func(v value) string {
		s, _ := v.(string)
		if !decimalText.MatchString(s) || number(s).Cmp(low) < 0 || number(s).Cmp(beyond) >= 0 {
			return "is no decimal integer in its range"
		}
		return ""
	}
}
