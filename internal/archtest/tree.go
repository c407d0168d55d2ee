package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Tree is the Go source of a module, without nested modules, testdata and hidden folders.
type Tree struct {
	Imports []Import
	// Docs counts the package comments of each package that is not only tests.
	Docs map[string]int
	// Packages is the name of each package by folder.
	Packages map[string]string
}

// Read parses every Go file of a module that lies at the root of fsys, as far as its
// imports. Build constraints are ignored: a rule holds on every system.
func Read(fsys fs.FS) (Tree, error) {
	t := Tree{Docs: map[string]int{}, Packages: map[string]string{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == "." {
				return nil
			}
			base := d.Name()
			if _, err := fs.Stat(fsys, path.Join(name, "go.mod")); err == nil || base == "testdata" || base == "vendor" ||
				strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasPrefix(d.Name(), "_") || strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		return t.add(fsys, name)
	})
	return t, err
}

func (t *Tree) add(fsys fs.FS, name string) error {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, name, src, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return err
	}
	pkg, test := path.Dir(name), strings.HasSuffix(name, "_test.go")
	if !test {
		t.Packages[pkg] = f.Name.Name
		t.Docs[pkg] += documented(f)
	}
	for _, spec := range f.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		place := files.Position(spec.Pos())
		t.Imports = append(t.Imports, Import{Package: pkg, Path: to, Place: fmt.Sprintf("%s:%d", place.Filename, place.Line), Test: test})
	}
	return nil
}

func documented(f *ast.File) int {
	if f.Doc == nil || !strings.HasPrefix(f.Doc.Text(), "Package ") && !strings.HasPrefix(f.Doc.Text(), "Command ") {
		return 0
	}
	return 1
}
