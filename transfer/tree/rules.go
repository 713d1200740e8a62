package tree

import (
	"errors"
	"fmt"
	"io"
)

// Rules decides by path what a walk leaves out. The rules of gitignore are in package
// filter; RulesOf makes Rules of them. A Rules does not change and may be used from many
// goroutines.
type Rules interface {
	// Match reports whether the item at path is left out, and what says so. The path
	// is relative to the source, with slashes and clean. The folders above the item
	// are taken to be included.
	Match(path string, isFolder bool) (excluded bool, by fmt.Stringer)
	// Enter returns the rules for what is in the folder at path, which has this rule
	// file; the path of the source is empty. The name of the file is for errors.
	Enter(path string, file io.Reader, name string) (Rules, error)
}

// RulesOf returns rules as Rules. It is for a type whose Enter returns the type
// itself, because its package does not know this one.
func RulesOf[R selfRules[R]](rules R) Rules { return adapted[R]{rules} }

type selfRules[R any] interface {
	Match(path string, isFolder bool) (excluded bool, by fmt.Stringer)
	Enter(path string, file io.Reader, name string) (R, error)
}

type adapted[R selfRules[R]] struct{ rules R }

func (a adapted[R]) Match(path string, isFolder bool) (bool, fmt.Stringer) {
	return a.rules.Match(path, isFolder)
}

func (a adapted[R]) Enter(path string, file io.Reader, name string) (Rules, error) {
	inner, err := a.rules.Enter(path, file, name)
	if err != nil {
		return nil, err
	}
	return adapted[R]{inner}, nil
}

// errNoRules keeps a rule file from being passed over.
var errNoRules = errors.New("a rule file is to be obeyed, and Selection.Rules is nil")
