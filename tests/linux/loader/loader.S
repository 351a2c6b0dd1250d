/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The whole BL33: start an arm64 kernel that lies in memory (Documentation/arm64/booting.rst).
 * KERNEL and TREE are the addresses that the kernel and its device tree were loaded to.
 */
	.globl _start
_start:
	ldr	x4, =KERNEL
	ldr	x0, =TREE
	mov	x1, xzr
	mov	x2, xzr
	mov	x3, xzr
	br	x4
