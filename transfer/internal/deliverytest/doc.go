// Package deliverytest has what tests of whole deliveries share: both ends over a link in
// memory, what each end returned and told, sources and trees to deliver, and how two trees
// are compared.
//
// Trees are compared by a hash that the code under test does not use. A helper that
// fails ends its test. Only tests import this package.
package deliverytest
