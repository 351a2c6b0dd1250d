// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reset: the only code that runs in flash, and the way from there to Rust.
//!
//! All cores leave reset together, at address 0, with the MMU and the caches off. RAM has kept what it held before, so no
//! core believes anything that it finds there.
//!
//! - The first core (all affinity fields 0) copies the image, zeroes .bss, fills the translation tables from
//!   [`FILLS`](mmu::FILLS), turns the MMU on and enters [`first_core`](crate::boot::first_core).
//! - Every other core opens its CPU interface for Group 0 and sleeps in WFI. Interrupts are masked at EL3, so one only wakes
//!   it. The doorbell of its first start tells it that SRAM is ready: the interrupt controller was reset with the core,
//!   so a doorbell can not be older than that. It then enters [`other_core`](crate::boot::other_core).
//!
//! Nothing calls this code. It uses x0 to x5 and whatever it calls; there is nothing to preserve.

use core::arch::global_asm;

use quell_plat::Platform;

use crate::{
    boot,
    frame::Frame,
    machine::{STACK_SIZE, STACKS},
    mitigation, mmu,
    platform::Machine,
    vectors::vectors,
};

/// SCTLR_EL3 with its RES1 bits set and everything off; little-endian.
const SCTLR_RESET: u64 = 0x30c5_0830;

/// SCTLR_EL3 to run with: MMU, data and instruction cache, stack alignment check, no execution of writable memory.
const SCTLR_ON: u64 = SCTLR_RESET | 1 << 0 | 1 << 2 | 1 << 3 | 1 << 12 | 1 << 19;

global_asm!(
    r#"
    .macro core_index out, scratch
    mrs     \scratch, mpidr_el1
    ubfx    \out, \scratch, #8, #8
    lsl     \out, \out, #{cluster_shift}
    and     \scratch, \scratch, #0xff
    orr     \out, \out, \scratch
    .endm

    // Copies \name from where it is loaded to where it runs. Sizes are multiples of 64.
    // Clobbers x0-x4.
    .macro copy name
    ldr     x0, =__\name\()_start
    ldr     x1, =__\name\()_load
    ldr     x2, =__\name\()_size
    cbz     x2, 2f
1:  ldp     x3, x4, [x1], #16
    stp     x3, x4, [x0], #16
    subs    x2, x2, #16
    b.ne    1b
2:
    .endm

    .section .reset, "ax"
    .global reset
reset:
    msr     daifset, #0xf
    ldr     x0, ={sctlr_reset}
    msr     sctlr_el3, x0
    mov     x0, #0xf                    // SRE, DFB, DIB, Enable
    msr     icc_sre_el3, x0
    isb                                 // what follows runs with this SCTLR, and has the registers of the GIC
    mrs     x0, mpidr_el1
    ldr     x1, =0xff00ffffff
    tst     x0, x1
    b.ne    3f

    // The first core.
    copy    text
    copy    rodata
    copy    data
    ldr     x0, =__bss_start
    ldr     x1, =__bss_end
1:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.ne    1b
    ldr     x0, ={fills}
    ldr     x1, ={fills} + {fills_size}
1:  ldp     x2, x3, [x0], #16           // where, how many
    ldp     x4, x5, [x0], #16           // first descriptor, step
2:  str     x4, [x2], #8
    add     x4, x4, x5
    subs    x3, x3, #1
    b.ne    2b
    cmp     x0, x1
    b.ne    1b
    dsb     sy                          // the image and the tables are in memory before anybody uses them
    ic      iallu
    dsb     sy                          // no stale instruction is fetched from where the image is now
    isb
    b       4f

    // Every other core.
3:  mov     x0, #0xff
    msr     icc_pmr_el1, x0
    mov     x0, #1
    msr     icc_igrpen0_el1, x0
    isb                                 // Group 0 is open before the core sleeps
1:  wfi
    mrs     x0, icc_iar0_el1
    and     x0, x0, #0xffffff
    cmp     x0, #1020                   // 1020 to 1023: no interrupt
    b.hs    1b
    msr     icc_eoir0_el1, x0
    dsb     sy                          // what the starter wrote before it rang is read after this
4:  ldr     x0, =enter_sram
    br      x0
    .ltorg

    .section .text.enter_sram, "ax"
    .global enter_sram
enter_sram:
    bl      {mitigate}                  // clobbers x0 and x1
    ldr     x0, ={mair}
    msr     mair_el3, x0
    ldr     x0, ={tcr}
    mrs     x1, id_aa64mmfr0_el1
    and     x1, x1, #0xf                // PARange
    mov     x2, #5                      // 48 bits are all that the tables can say
    cmp     x1, x2
    csel    x1, x1, x2, lo
    bfi     x0, x1, #16, #3             // PS
    msr     tcr_el3, x0
    ldr     x0, ={tables}
    msr     ttbr0_el3, x0
    isb                                 // the registers are set before the invalidation counts
    tlbi    alle3
    dsb     sy                          // no old translation is left when the MMU goes on
    isb
    ldr     x0, ={sctlr_on}
    msr     sctlr_el3, x0
    isb                                 // from here on everything is translated
    ldr     x0, ={vectors}
    msr     vbar_el3, x0
    core_index x0, x1
    msr     tpidr_el3, x0
    ldr     x1, ={stacks}
    mov     x2, #{stack_size}
    madd    x1, x0, x2, x1
    add     sp, x1, #{stack_size}
    sub     sp, sp, #{frame}            // what lies there is the core's for good
    isb                                 // VBAR is in force before anything can fault
    cbz     x0, {first_core}
    b       {other_core}
    .ltorg
    "#,
    cluster_shift = const Machine::CLUSTER_SHIFT,
    sctlr_reset = const SCTLR_RESET,
    sctlr_on = const SCTLR_ON,
    fills = sym mmu::FILLS,
    fills_size = const size_of_val(&mmu::FILLS),
    mitigate = sym mitigation::init_core,
    mair = const mmu::MAIR,
    tcr = const mmu::TCR,
    tables = sym mmu::LEVEL0,
    vectors = sym vectors,
    frame = const size_of::<Frame>(),
    first_core = sym boot::first_core,
    other_core = sym boot::other_core,
    stacks = sym STACKS,
    stack_size = const STACK_SIZE,
);
