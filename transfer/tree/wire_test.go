package tree

import (
	"testing"

	"ferry/framing"
)

// The package imports nothing of ours: its limits that are those of the wire are pinned
// here.
func TestLimitsAreThoseOfTheWire(t *testing.T) {
	for name, c := range map[string][2]uint64{
		"MaxName": {MaxName, framing.MaxName}, "maxTarget": {maxTarget, framing.MaxTarget},
		"MaxHardLinks": {MaxHardLinks, framing.MaxOpenLinks},
		"maxXattrs":    {maxXattrs, framing.MaxXattrs}, "maxXattrName": {maxXattrName, framing.MaxXattrName},
		"maxXattrValue": {maxXattrValue, framing.MaxXattrValue}, "maxXattrBytes": {maxXattrBytes, framing.MaxXattrBytes},
		"maxACLNames": {maxACLNames, framing.MaxACLNames}, "maxACLNameBytes": {maxACLNameBytes, framing.MaxACLNameBytes},
		"maxAccountName": {maxAccountName, framing.MaxAccount}, "maxOwnerID": {maxOwnerID, framing.MaxID},
	} {
		if c[0] != c[1] {
			t.Errorf("%s is %d, on the wire %d", name, c[0], c[1])
		}
	}
}
