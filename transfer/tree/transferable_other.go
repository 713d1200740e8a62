//go:build !darwin

package tree

import "strings"

// transferable says which attributes a delivery carries: those of users and the
// ACLs, and, between root and root, all but the rest of the system's.
func transferable(name string, root bool) bool {
	if attrOf(name) == AttrACL || strings.HasPrefix(name, "user.") {
		return true
	}
	return root && !strings.HasPrefix(name, "system.")
}
