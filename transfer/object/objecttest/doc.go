// Package objecttest gives tests a store that speaks S3: one in this process, a real server,
// and a proxy before either that has faults. Nothing of it is part of the program.
package objecttest
