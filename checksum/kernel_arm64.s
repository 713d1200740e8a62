#include "textflag.h"

// Sixteen inputs go through in four passes of four. The state of a pass, word by word:
// V0-V3 row a, V4-V7 row b, V8-V11 row c, V12-V15 row d; lane i of each belongs to input
// i of the pass. The words of the message lie on the stack, at R10, 16 bytes each.
// V16-V23 are free for a moment. V24-V27 hold the first half of the initial value, V28 the
// bytes a block, V29 and V30 the halves of the counters, V31 the indices of a rotation.

// G4 is the function G (section 2.2 of the BLAKE3 paper) on four columns, or four
// diagonals, at once, so that the processor has four chains to work on: x and y are the
// numbers of words.
#define G4(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, x0, x1, x2, x3, y0, y1, y2, y3) \
	ADD4(a0, a1, a2, a3, b0, b1, b2, b3, d0, d1, d2, d3, x0, x1, x2, x3) \
	VREV32 d0.H8, d0.H8; VREV32 d1.H8, d1.H8; VREV32 d2.H8, d2.H8; VREV32 d3.H8, d3.H8 \
	TURN4(b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, $20, $12) \
	ADD4(a0, a1, a2, a3, b0, b1, b2, b3, d0, d1, d2, d3, y0, y1, y2, y3) \
	VTBL V31.B16, [d0.B16], d0.B16; VTBL V31.B16, [d1.B16], d1.B16; VTBL V31.B16, [d2.B16], d2.B16; VTBL V31.B16, [d3.B16], d3.B16 \
	TURN4(b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, $25, $7)

// ADD4: a += word + b, d ^= a.
#define ADD4(a0, a1, a2, a3, b0, b1, b2, b3, d0, d1, d2, d3, x0, x1, x2, x3) \
	FMOVQ (x0*16)(R10), F16; FMOVQ (x1*16)(R10), F17; FMOVQ (x2*16)(R10), F18; FMOVQ (x3*16)(R10), F19 \
	VADD b0.S4, a0.S4, a0.S4; VADD b1.S4, a1.S4, a1.S4; VADD b2.S4, a2.S4, a2.S4; VADD b3.S4, a3.S4, a3.S4 \
	VADD V16.S4, a0.S4, a0.S4; VADD V17.S4, a1.S4, a1.S4; VADD V18.S4, a2.S4, a2.S4; VADD V19.S4, a3.S4, a3.S4 \
	VEOR a0.B16, d0.B16, d0.B16; VEOR a1.B16, d1.B16, d1.B16; VEOR a2.B16, d2.B16, d2.B16; VEOR a3.B16, d3.B16, d3.B16

// TURN4: c += d, b = (b ^ c) >>> right, where left is 32 - right.
#define TURN4(b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, left, right) \
	VADD d0.S4, c0.S4, c0.S4; VADD d1.S4, c1.S4, c1.S4; VADD d2.S4, c2.S4, c2.S4; VADD d3.S4, c3.S4, c3.S4 \
	VEOR c0.B16, b0.B16, V20.B16; VEOR c1.B16, b1.B16, V21.B16; VEOR c2.B16, b2.B16, V22.B16; VEOR c3.B16, b3.B16, V23.B16 \
	VSHL left, V20.S4, b0.S4; VSHL left, V21.S4, b1.S4; VSHL left, V22.S4, b2.S4; VSHL left, V23.S4, b3.S4 \
	VSRI right, V20.S4, b0.S4; VSRI right, V21.S4, b1.S4; VSRI right, V22.S4, b2.S4; VSRI right, V23.S4, b3.S4

#define ROUND(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15) \
	G4(V0, V1, V2, V3, V4, V5, V6, V7, V8, V9, V10, V11, V12, V13, V14, V15, m0, m2, m4, m6, m1, m3, m5, m7) \
	G4(V0, V1, V2, V3, V5, V6, V7, V4, V10, V11, V8, V9, V15, V12, V13, V14, m8, m10, m12, m14, m9, m11, m13, m15)

// TRANSPOSE4 transposes the 4 by 4 words in w, x, y, z. It spoils V20-V23.
#define TRANSPOSE4(w, x, y, z) \
	VZIP1 y.S4, w.S4, V20.S4; VZIP2 y.S4, w.S4, V21.S4; VZIP1 z.S4, x.S4, V22.S4; VZIP2 z.S4, x.S4, V23.S4 \
	VZIP1 V22.S4, V20.S4, w.S4; VZIP2 V22.S4, V20.S4, x.S4; VZIP1 V23.S4, V21.S4, y.S4; VZIP2 V23.S4, V21.S4, z.S4

// LOAD4 brings four words of each input of the pass, from the offset at in the block, to
// the words of the message.
#define LOAD4(at) \
	FMOVQ at(R19), F16; FMOVQ at(R20), F17; FMOVQ at(R21), F18; FMOVQ at(R22), F19 \
	TRANSPOSE4(V16, V17, V18, V19) \
	FMOVQ F16, (4*at)(R10); FMOVQ F17, (4*at+16)(R10); FMOVQ F18, (4*at+32)(R10); FMOVQ F19, (4*at+48)(R10)

// func compress16(out *[16]CV, in *byte, stride, blocks, counter, step uint64, flags *uint32)
TEXT ·compress16(SB), NOSPLIT, $256-56
	MOVD out+0(FP), R0
	MOVD in+8(FP), R1
	MOVD stride+16(FP), R2
	MOVD counter+32(FP), R4
	MOVD step+40(FP), R5
	MOVD $words-256(SP), R10
	MOVD $iv<>(SB), R11
	MOVD $turn8<>(SB), R12
	MOVD $4, R13 // passes

	VLD1  (R12), [V31.B16]
	MOVD  $64, R7
	VDUP  R7, V28.S4
	LSR   $32, R4, R7
	VDUP  R7, V30.S4
	MOVWU 0(R11), R7
	VDUP  R7, V24.S4
	MOVWU 4(R11), R7
	VDUP  R7, V25.S4
	MOVWU 8(R11), R7
	VDUP  R7, V26.S4
	MOVWU 12(R11), R7
	VDUP  R7, V27.S4

pass:
	MOVD blocks+24(FP), R3
	MOVD flags+48(FP), R6
	MOVD R1, R19
	ADD  R2, R19, R20
	ADD  R2, R20, R21
	ADD  R2, R21, R22
	ADD  R2, R22, R1

	// The lower words of the counters; no carry, see the declaration.
	VMOV R4, V29.S[0]
	ADD  R5, R4
	VMOV R4, V29.S[1]
	ADD  R5, R4
	VMOV R4, V29.S[2]
	ADD  R5, R4
	VMOV R4, V29.S[3]
	ADD  R5, R4

	VMOV  V24.B16, V0.B16
	VMOV  V25.B16, V1.B16
	VMOV  V26.B16, V2.B16
	VMOV  V27.B16, V3.B16
	MOVWU 16(R11), R7
	VDUP  R7, V4.S4
	MOVWU 20(R11), R7
	VDUP  R7, V5.S4
	MOVWU 24(R11), R7
	VDUP  R7, V6.S4
	MOVWU 28(R11), R7
	VDUP  R7, V7.S4

block:
	LOAD4(0)
	LOAD4(16)
	LOAD4(32)
	LOAD4(48)
	VMOV  V24.B16, V8.B16
	VMOV  V25.B16, V9.B16
	VMOV  V26.B16, V10.B16
	VMOV  V27.B16, V11.B16
	VMOV  V29.B16, V12.B16
	VMOV  V30.B16, V13.B16
	VMOV  V28.B16, V14.B16
	MOVWU (R6), R7
	VDUP  R7, V15.S4

	ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
	ROUND(2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
	ROUND(3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1)
	ROUND(10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6)
	ROUND(12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4)
	ROUND(9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7)
	ROUND(11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13)
	VEOR V8.B16, V0.B16, V0.B16
	VEOR V9.B16, V1.B16, V1.B16
	VEOR V10.B16, V2.B16, V2.B16
	VEOR V11.B16, V3.B16, V3.B16
	VEOR V12.B16, V4.B16, V4.B16
	VEOR V13.B16, V5.B16, V5.B16
	VEOR V14.B16, V6.B16, V6.B16
	VEOR V15.B16, V7.B16, V7.B16

	ADD  $64, R19
	ADD  $64, R20
	ADD  $64, R21
	ADD  $64, R22
	ADD  $4, R6
	SUBS $1, R3
	BNE  block

	TRANSPOSE4(V0, V1, V2, V3)
	TRANSPOSE4(V4, V5, V6, V7)
	FMOVQ F0, 0(R0)
	FMOVQ F4, 16(R0)
	FMOVQ F1, 32(R0)
	FMOVQ F5, 48(R0)
	FMOVQ F2, 64(R0)
	FMOVQ F6, 80(R0)
	FMOVQ F3, 96(R0)
	FMOVQ F7, 112(R0)
	ADD   $128, R0
	SUBS  $1, R13
	BNE   pass
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

// Which byte comes where when each word is rotated to the right by 8 bits.
DATA turn8<>+0(SB)/8, $0x0407060500030201
DATA turn8<>+8(SB)/8, $0x0c0f0e0d080b0a09
GLOBL turn8<>(SB), RODATA|NOPTR, $16
