package store

import (
	"time"
)

// Options say how a store is reached.
type Options struct {
	// Endpoint is its URL, https://HOST or http://HOST:PORT. Empty: the environment says it,
	// and else it is AWS.
	Endpoint string
	// Getenv is the environment, which has the credentials and where they are.
	Getenv func(string) string
	// Waiting is told why a request is made again, and how long that has been so. Several
	// goroutines may call it at once. May be nil.
	Waiting func(err error, since time.Duration)
}

// DestinationOptions say how a store keeps what lands in it.
type DestinationOptions struct {
	VerifyDisk bool  // read each object back, and hash it
	Memory     int64 // bytes of content held at a time; 0 is 64 MiB
	Owner      string
}

// Fault is what kind of cause an error has.
type Fault uint8

// The kinds of cause. NoFault is that of another error, or of none.
const (
	NoFault  Fault = iota
	Refused        // the store knows these credentials not, or there are none
	NoBucket       // there is no such bucket, or it is in another region
	Away           // nothing answers, or only that it is too much
	Failed         // all else that a store told
)

// Needs is what requests to a store still take from the system, for a process that is about to
// give up rights.
type Needs struct {
	Port     uint16 // TCP
	AnyPort  bool   // a proxy, or what hands out credentials, may have any
	Resolves bool   // a name has to be looked up
	Files    []string
}
