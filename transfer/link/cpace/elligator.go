package cpace

import "filippo.io/edwards25519/field"

// curveA is the coefficient A of Curve25519, v² = u³ + A·u² + u.
const curveA = 486662

// elligator2 maps 32 bytes, of which the top bit is ignored, to the u
// coordinate of a point of Curve25519, in constant time
// (RFC 9380 section 6.7.1 with Z = 2; only u is computed).
func elligator2(r [32]byte) [32]byte {
	var t field.Element
	if _, err := t.SetBytes(r[:]); err != nil {
		panic("elligator2: SetBytes of 32 bytes failed: " + err.Error())
	}
	one := new(field.Element).One()
	a := new(field.Element).Mult32(one, curveA)

	// x1 = -A / (1 + 2·t²). -1/2 is no square, so the divisor is never zero.
	x1 := new(field.Element).Square(&t)
	x1.Add(x1, x1).Add(x1, one).Invert(x1).Multiply(x1, a).Negate(x1)

	// gx1 = x1³ + A·x1² + x1 = x1·(x1·(x1 + A) + 1)
	gx1 := new(field.Element).Add(x1, a)
	gx1.Multiply(gx1, x1).Add(gx1, one).Multiply(gx1, x1)

	// Where gx1 is no square, the other candidate -x1 - A is on the curve.
	x2 := new(field.Element).Add(x1, a)
	x2.Negate(x2)
	_, square := new(field.Element).SqrtRatio(gx1, one)
	return [32]byte(new(field.Element).Select(x1, x2, square).Bytes())
}
