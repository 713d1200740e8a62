package local_test

import (
	"testing"

	"ferry/transfer/internal/deliverytest"
)

// A deletion is the same where the source is on another machine, whichever end the user
// has. One difference remains: a sender's user has no moment between the receipt and the
// deletion, which comes before it.
func TestFarDeletion(t *testing.T) {
	both := map[string]func(*testing.T){
		"DeleteMakesAMirror":                   TestDeleteMakesAMirror,
		"DeleteStaysInWhatWasSent":             TestDeleteStaysInWhatWasSent,
		"DeleteSparesItsSource":                TestDeleteSparesItsSource,
		"DeleteLeavesAlone":                    TestDeleteLeavesAlone,
		"DeleteRefusesTooMany":                 TestDeleteRefusesTooMany,
		"DeleteComesAfterSuccessOnly":          TestDeleteComesAfterSuccessOnly,
		"DeleteFollowsTheSourcesLinks":         TestDeleteFollowsTheSourcesLinks,
		"DeleteReportsWhatStays":               TestDeleteReportsWhatStays,
		"DeleteKeepsTimes":                     TestDeleteKeepsTimes,
		"DeleteOfWhatAnAwayHasNot":             TestDeleteOfWhatAnAwayHasNot,
		"DeleteOfAnEmptyAway":                  TestDeleteOfAnEmptyAway,
		"DeleteLetsKindsChange":                TestDeleteLetsKindsChange,
		"KindsStayWithoutDelete":               TestKindsStayWithoutDelete,
		"WhatMadeWayIsKeptUntilAllIsDelivered": TestWhatMadeWayIsKeptUntilAllIsDelivered,
		"WhatIsToStayMakesNoWay":               TestWhatIsToStayMakesNoWay,
		"WhatMadeWayCountsAsDeleted":           TestWhatMadeWayCountsAsDeleted,
	}
	atReceiver := map[string]func(*testing.T){
		"distrust":        TestDeleteDistrustsAChangedSource,
		"what came since": TestDeleteSeesWhatCameSince,
	}
	for name, run := range both {
		for _, user := range []string{"sender", "receiver"} {
			t.Run(name+" for a "+user, func(t *testing.T) {
				deliverytest.Far(t, user)
				run(t)
			})
		}
	}
	for name, run := range atReceiver {
		t.Run(name, func(t *testing.T) {
			deliverytest.Far(t, "receiver")
			run(t)
		})
	}
}
