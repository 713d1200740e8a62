//go:build !darwin

package tree

import "strings"

// transferable reports whether a delivery carries an attribute: attributes of users and
// ACLs always, others between root and root unless they are the system's own.
func transferable(name string, root bool) bool {
	if attrOf(name) == AttrACL || strings.HasPrefix(name, "user.") {
		return true
	}
	return root && !strings.HasPrefix(name, "system.")
}
