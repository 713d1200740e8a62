// Package md2man stands in for the module that urfave/cli makes manual pages with.
//
// ferry's own page is made of what help says, and embedded. But the library links its
// maker of pages into every program, and with it a Markdown parser: its templates call
// methods by name, so the linker must keep them all. The library would leave it out with
// the build tag urfave_cli_no_docs, which a plain go build does not set. Therefore go.mod
// replaces that module by this one, which needs nothing. Nobody calls it.
package md2man

// Render returns the text as it is.
func Render(doc []byte) []byte { return doc }
