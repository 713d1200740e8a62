#include "textflag.h"

// The state of sixteen compressions, word by word: Z0-Z3 row a, Z4-Z7 row b,
// Z8-Z11 row c, Z12-Z15 row d; lane i of each belongs to input i. Z16-Z31 are
// the words of the message. Z0-Z7 hold the chaining values between blocks, and
// Z8-Z15 are free there.

// G4 is the function G (section 2.2 of the BLAKE3 paper) on four columns, or
// four diagonals, at once, so that the processor has four chains to work on.
#define G4(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, x0, x1, x2, x3, y0, y1, y2, y3) \
	MIX4(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, x0, x1, x2, x3, $16, $12) \
	MIX4(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, y0, y1, y2, y3, $8, $7)

// MIX4 is half of G: a += x + b, d = (d ^ a) >>> p, c += d, b = (b ^ c) >>> q.
#define MIX4(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, x0, x1, x2, x3, p, q) \
	VPADDD x0, a0, a0; VPADDD x1, a1, a1; VPADDD x2, a2, a2; VPADDD x3, a3, a3 \
	VPADDD b0, a0, a0; VPADDD b1, a1, a1; VPADDD b2, a2, a2; VPADDD b3, a3, a3 \
	VPXORD a0, d0, d0; VPXORD a1, d1, d1; VPXORD a2, d2, d2; VPXORD a3, d3, d3 \
	VPRORD p, d0, d0;  VPRORD p, d1, d1;  VPRORD p, d2, d2;  VPRORD p, d3, d3 \
	VPADDD d0, c0, c0; VPADDD d1, c1, c1; VPADDD d2, c2, c2; VPADDD d3, c3, c3 \
	VPXORD c0, b0, b0; VPXORD c1, b1, b1; VPXORD c2, b2, b2; VPXORD c3, b3, b3 \
	VPRORD q, b0, b0;  VPRORD q, b1, b1;  VPRORD q, b2, b2;  VPRORD q, b3, b3

#define ROUND(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15) \
	G4(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15, m0, m2, m4, m6, m1, m3, m5, m7) \
	G4(Z0, Z1, Z2, Z3, Z5, Z6, Z7, Z4, Z10, Z11, Z8, Z9, Z15, Z12, Z13, Z14, m8, m10, m12, m14, m9, m11, m13, m15)

// TRANSPOSE4 transposes the 4 by 4 words in each quarter of w, x, y, z into
// a, b, c, d. It spoils s, t, u, v.
#define TRANSPOSE4(w, x, y, z, s, t, u, v, a, b, c, d) \
	VPUNPCKLDQ x, w, s; VPUNPCKHDQ x, w, t; VPUNPCKLDQ z, y, u; VPUNPCKHDQ z, y, v \
	VPUNPCKLQDQ u, s, a; VPUNPCKHQDQ u, s, b; VPUNPCKLQDQ v, t, c; VPUNPCKHQDQ v, t, d

// LOAD4 loads four words of each input, from the offset at in the block, into
// a, b, c, d. Quarter q of the register for row r comes from input 4q+r, which
// makes the transposed lanes come in the order of the inputs.
#define LOAD4(at, a, b, c, d) \
	VMOVDQU at(R8), X8;         VINSERTI32X4 $1, at(R9), Z8, Z8;           VINSERTI32X4 $2, at(R10), Z8, Z8;           VINSERTI32X4 $3, at(R11), Z8, Z8 \
	VMOVDQU at(R8)(BX*1), X9;   VINSERTI32X4 $1, at(R9)(BX*1), Z9, Z9;     VINSERTI32X4 $2, at(R10)(BX*1), Z9, Z9;     VINSERTI32X4 $3, at(R11)(BX*1), Z9, Z9 \
	VMOVDQU at(R8)(BX*2), X10;  VINSERTI32X4 $1, at(R9)(BX*2), Z10, Z10;   VINSERTI32X4 $2, at(R10)(BX*2), Z10, Z10;   VINSERTI32X4 $3, at(R11)(BX*2), Z10, Z10 \
	VMOVDQU at(R8)(SI*1), X11;  VINSERTI32X4 $1, at(R9)(SI*1), Z11, Z11;   VINSERTI32X4 $2, at(R10)(SI*1), Z11, Z11;   VINSERTI32X4 $3, at(R11)(SI*1), Z11, Z11 \
	TRANSPOSE4(Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15, a, b, c, d)

// STORE4 stores the quarters of z, each half of a chaining value, for inputs
// r, r+4, r+8 and r+12; at is the offset of the one for input r.
#define STORE4(z, x, at) \
	VMOVDQU x, at(DI); VEXTRACTI32X4 $1, z, at+128(DI); VEXTRACTI32X4 $2, z, at+256(DI); VEXTRACTI32X4 $3, z, at+384(DI)

// func compress16(out *[16]CV, in *byte, stride, blocks, counter, step uint64, flags *uint32)
TEXT ·compress16(SB), NOSPLIT, $128-56
	MOVQ out+0(FP), DI
	MOVQ in+8(FP), R8
	MOVQ stride+16(FP), BX
	MOVQ blocks+24(FP), CX
	MOVQ flags+48(FP), DX
	LEAQ (BX)(BX*2), SI
	LEAQ (R8)(BX*4), R9
	LEAQ (R9)(BX*4), R10
	LEAQ (R10)(BX*4), R11

	// The lower words of the counters; no carry, see the declaration.
	MOVQ         step+40(FP), AX
	VPBROADCASTD AX, Z8
	VPMULLD      lane<>(SB), Z8, Z8
	MOVQ         counter+32(FP), AX
	VPBROADCASTD AX, Z9
	VPADDD       Z9, Z8, Z8
	VMOVDQU32    Z8, low-128(SP)
	SHRQ         $32, AX
	VPBROADCASTD AX, Z9
	VMOVDQU32    Z9, high-64(SP)

	VPBROADCASTD iv<>+0(SB), Z0
	VPBROADCASTD iv<>+4(SB), Z1
	VPBROADCASTD iv<>+8(SB), Z2
	VPBROADCASTD iv<>+12(SB), Z3
	VPBROADCASTD iv<>+16(SB), Z4
	VPBROADCASTD iv<>+20(SB), Z5
	VPBROADCASTD iv<>+24(SB), Z6
	VPBROADCASTD iv<>+28(SB), Z7

block:
	LOAD4(0, Z16, Z17, Z18, Z19)
	LOAD4(16, Z20, Z21, Z22, Z23)
	LOAD4(32, Z24, Z25, Z26, Z27)
	LOAD4(48, Z28, Z29, Z30, Z31)
	VPBROADCASTD iv<>+0(SB), Z8
	VPBROADCASTD iv<>+4(SB), Z9
	VPBROADCASTD iv<>+8(SB), Z10
	VPBROADCASTD iv<>+12(SB), Z11
	VMOVDQU32    low-128(SP), Z12
	VMOVDQU32    high-64(SP), Z13
	VPBROADCASTD length<>(SB), Z14
	VPBROADCASTD (DX), Z15

	ROUND(Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31)
	ROUND(Z18, Z22, Z19, Z26, Z23, Z16, Z20, Z29, Z17, Z27, Z28, Z21, Z25, Z30, Z31, Z24)
	ROUND(Z19, Z20, Z26, Z28, Z29, Z18, Z23, Z30, Z22, Z21, Z25, Z16, Z27, Z31, Z24, Z17)
	ROUND(Z26, Z23, Z28, Z25, Z30, Z19, Z29, Z31, Z20, Z16, Z27, Z18, Z21, Z24, Z17, Z22)
	ROUND(Z28, Z29, Z25, Z27, Z31, Z26, Z30, Z24, Z23, Z18, Z21, Z19, Z16, Z17, Z22, Z20)
	ROUND(Z25, Z30, Z27, Z21, Z24, Z28, Z31, Z17, Z29, Z19, Z16, Z26, Z18, Z22, Z20, Z23)
	ROUND(Z27, Z31, Z21, Z16, Z17, Z25, Z24, Z22, Z30, Z26, Z18, Z28, Z19, Z20, Z23, Z29)
	VPXORD Z8, Z0, Z0
	VPXORD Z9, Z1, Z1
	VPXORD Z10, Z2, Z2
	VPXORD Z11, Z3, Z3
	VPXORD Z12, Z4, Z4
	VPXORD Z13, Z5, Z5
	VPXORD Z14, Z6, Z6
	VPXORD Z15, Z7, Z7

	ADDQ $64, R8
	ADDQ $64, R9
	ADDQ $64, R10
	ADDQ $64, R11
	ADDQ $4, DX
	DECQ CX
	JNZ  block

	TRANSPOSE4(Z0, Z1, Z2, Z3, Z16, Z17, Z18, Z19, Z8, Z9, Z10, Z11)
	TRANSPOSE4(Z4, Z5, Z6, Z7, Z16, Z17, Z18, Z19, Z12, Z13, Z14, Z15)
	STORE4(Z8, X8, 0)
	STORE4(Z12, X12, 16)
	STORE4(Z9, X9, 32)
	STORE4(Z13, X13, 48)
	STORE4(Z10, X10, 64)
	STORE4(Z14, X14, 80)
	STORE4(Z11, X11, 96)
	STORE4(Z15, X15, 112)
	VZEROUPPER
	RET

// LANES4 is LOAD4 for inputs that lie anywhere: SI has their addresses, R8 is the
// offset of the block.
#define LANES4(at, a, b, c, d) \
	MOVQ 0(SI), AX;  VMOVDQU at(AX)(R8*1), X8;  MOVQ 32(SI), AX; VINSERTI32X4 $1, at(AX)(R8*1), Z8, Z8;   MOVQ 64(SI), AX; VINSERTI32X4 $2, at(AX)(R8*1), Z8, Z8;   MOVQ 96(SI), AX;  VINSERTI32X4 $3, at(AX)(R8*1), Z8, Z8 \
	MOVQ 8(SI), AX;  VMOVDQU at(AX)(R8*1), X9;  MOVQ 40(SI), AX; VINSERTI32X4 $1, at(AX)(R8*1), Z9, Z9;   MOVQ 72(SI), AX; VINSERTI32X4 $2, at(AX)(R8*1), Z9, Z9;   MOVQ 104(SI), AX; VINSERTI32X4 $3, at(AX)(R8*1), Z9, Z9 \
	MOVQ 16(SI), AX; VMOVDQU at(AX)(R8*1), X10; MOVQ 48(SI), AX; VINSERTI32X4 $1, at(AX)(R8*1), Z10, Z10; MOVQ 80(SI), AX; VINSERTI32X4 $2, at(AX)(R8*1), Z10, Z10; MOVQ 112(SI), AX; VINSERTI32X4 $3, at(AX)(R8*1), Z10, Z10 \
	MOVQ 24(SI), AX; VMOVDQU at(AX)(R8*1), X11; MOVQ 56(SI), AX; VINSERTI32X4 $1, at(AX)(R8*1), Z11, Z11; MOVQ 88(SI), AX; VINSERTI32X4 $2, at(AX)(R8*1), Z11, Z11; MOVQ 120(SI), AX; VINSERTI32X4 $3, at(AX)(R8*1), Z11, Z11 \
	TRANSPOSE4(Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15, a, b, c, d)

// func compressEach(out *[8][wideWidth]uint32, in *[wideWidth]*byte, counter, blocks, last, end *[wideWidth]uint32, start, most uint64)
TEXT ·compressEach(SB), NOSPLIT, $0-64
	MOVQ out+0(FP), DI
	MOVQ in+8(FP), SI
	MOVQ counter+16(FP), R10
	MOVQ blocks+24(FP), R11
	MOVQ last+32(FP), R12
	MOVQ end+40(FP), R13
	MOVQ start+48(FP), BX
	MOVQ most+56(FP), CX
	XORQ R8, R8
	XORQ R9, R9

	VPBROADCASTD iv<>+0(SB), Z0
	VPBROADCASTD iv<>+4(SB), Z1
	VPBROADCASTD iv<>+8(SB), Z2
	VPBROADCASTD iv<>+12(SB), Z3
	VPBROADCASTD iv<>+16(SB), Z4
	VPBROADCASTD iv<>+20(SB), Z5
	VPBROADCASTD iv<>+24(SB), Z6
	VPBROADCASTD iv<>+28(SB), Z7

next:
	LANES4(0, Z16, Z17, Z18, Z19)
	LANES4(16, Z20, Z21, Z22, Z23)
	LANES4(32, Z24, Z25, Z26, Z27)
	LANES4(48, Z28, Z29, Z30, Z31)

	// K1: the lanes of which this block is the last.
	INCQ         R9
	VPBROADCASTD R9, Z14
	VPCMPUD      $0, (R11), Z14, K1
	VPBROADCASTD iv<>+0(SB), Z8
	VPBROADCASTD iv<>+4(SB), Z9
	VPBROADCASTD iv<>+8(SB), Z10
	VPBROADCASTD iv<>+12(SB), Z11
	VMOVDQU32    (R10), Z12
	VPXORD       Z13, Z13, Z13
	VPBROADCASTD length<>(SB), Z14
	VMOVDQU32    (R12), K1, Z14
	VPBROADCASTD BX, Z15
	VPORD        (R13), Z15, K1, Z15
	XORQ         BX, BX

	ROUND(Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31)
	ROUND(Z18, Z22, Z19, Z26, Z23, Z16, Z20, Z29, Z17, Z27, Z28, Z21, Z25, Z30, Z31, Z24)
	ROUND(Z19, Z20, Z26, Z28, Z29, Z18, Z23, Z30, Z22, Z21, Z25, Z16, Z27, Z31, Z24, Z17)
	ROUND(Z26, Z23, Z28, Z25, Z30, Z19, Z29, Z31, Z20, Z16, Z27, Z18, Z21, Z24, Z17, Z22)
	ROUND(Z28, Z29, Z25, Z27, Z31, Z26, Z30, Z24, Z23, Z18, Z21, Z19, Z16, Z17, Z22, Z20)
	ROUND(Z25, Z30, Z27, Z21, Z24, Z28, Z31, Z17, Z29, Z19, Z16, Z26, Z18, Z22, Z20, Z23)
	ROUND(Z27, Z31, Z21, Z16, Z17, Z25, Z24, Z22, Z30, Z26, Z18, Z28, Z19, Z20, Z23, Z29)
	VPXORD Z8, Z0, Z0
	VPXORD Z9, Z1, Z1
	VPXORD Z10, Z2, Z2
	VPXORD Z11, Z3, Z3
	VPXORD Z12, Z4, Z4
	VPXORD Z13, Z5, Z5
	VPXORD Z14, Z6, Z6
	VPXORD Z15, Z7, Z7

	// Lanes that are done go on, to no effect.
	VMOVDQU32 Z0, K1, 0(DI)
	VMOVDQU32 Z1, K1, 64(DI)
	VMOVDQU32 Z2, K1, 128(DI)
	VMOVDQU32 Z3, K1, 192(DI)
	VMOVDQU32 Z4, K1, 256(DI)
	VMOVDQU32 Z5, K1, 320(DI)
	VMOVDQU32 Z6, K1, 384(DI)
	VMOVDQU32 Z7, K1, 448(DI)

	ADDQ $64, R8
	CMPQ R9, CX
	JCS  next
	VZEROUPPER
	RET

// The initial value, section 2.2 of the paper.
DATA iv<>+0(SB)/4, $0x6a09e667
DATA iv<>+4(SB)/4, $0xbb67ae85
DATA iv<>+8(SB)/4, $0x3c6ef372
DATA iv<>+12(SB)/4, $0xa54ff53a
DATA iv<>+16(SB)/4, $0x510e527f
DATA iv<>+20(SB)/4, $0x9b05688c
DATA iv<>+24(SB)/4, $0x1f83d9ab
DATA iv<>+28(SB)/4, $0x5be0cd19
GLOBL iv<>(SB), RODATA|NOPTR, $32

// Bytes a block.
DATA length<>+0(SB)/4, $64
GLOBL length<>(SB), RODATA|NOPTR, $4

// The number of each lane.
DATA lane<>+0(SB)/8, $0x0000000100000000
DATA lane<>+8(SB)/8, $0x0000000300000002
DATA lane<>+16(SB)/8, $0x0000000500000004
DATA lane<>+24(SB)/8, $0x0000000700000006
DATA lane<>+32(SB)/8, $0x0000000900000008
DATA lane<>+40(SB)/8, $0x0000000b0000000a
DATA lane<>+48(SB)/8, $0x0000000d0000000c
DATA lane<>+56(SB)/8, $0x0000000f0000000e
GLOBL lane<>(SB), RODATA|NOPTR, $64
