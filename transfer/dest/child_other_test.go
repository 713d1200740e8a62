//go:build !linux

package dest

const childEnv = "FERRY_DEST_TEST_CHILD"

func runChild(string) int { return 1 }
