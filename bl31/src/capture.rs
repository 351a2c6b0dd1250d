// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registers of a core that stops, or is looked at, as the operating system left them.

use core::mem::offset_of;

use aarch64_cpu::registers::{
    CONTEXTIDR_EL1, ELR_EL1, ELR_EL2, ELR_EL3, ESR_EL1, ESR_EL2, FAR_EL1, FAR_EL2, HCR_EL2, MAIR_EL1,
    MAIR_EL2, SCTLR_EL1, SCTLR_EL2, SP_EL0, SP_EL1, SP_EL2, SPSR_EL1, SPSR_EL2, SPSR_EL3, TCR_EL1, TCR_EL2,
    TPIDR_EL0, TPIDR_EL1, TPIDR_EL2, TPIDRRO_EL0, TTBR0_EL1, TTBR0_EL2, TTBR1_EL1, VBAR_EL1, VBAR_EL2,
    VTTBR_EL2,
};
use quell_abi::CoreRecord;
use quell_stop::RecordWriter;
use tock_registers::interfaces::Readable;

use crate::{
    frame::Caller,
    machine,
    sysreg::{CONTEXTIDR_EL2, ICC_HPPIR1_EL1, ICC_IGRPEN1_EL1, ICC_PMR_EL1, ICC_RPR_EL1, ISR_EL1, TTBR1_EL2},
};

macro_rules! write {
    ($writer:ident: $($field:ident = $register:ident),* $(,)?) => {
        $( $writer.set(offset_of!(CoreRecord, $field), $register.get()); )*
    };
}

/// Writes the registers of this core: the general-purpose ones from its frame, all others as they are.
pub(crate) fn registers(writer: &RecordWriter<'_>) {
    for (number, value) in Caller::of_this_core().each().enumerate() {
        writer.set(offset_of!(CoreRecord, x) + number * size_of::<u64>(), value);
    }
    write!(writer:
        pc = ELR_EL3, pstate = SPSR_EL3,
        sp_el0 = SP_EL0, sp_el1 = SP_EL1, sp_el2 = SP_EL2,
        esr_el1 = ESR_EL1, far_el1 = FAR_EL1, elr_el1 = ELR_EL1, spsr_el1 = SPSR_EL1,
        esr_el2 = ESR_EL2, far_el2 = FAR_EL2, elr_el2 = ELR_EL2, spsr_el2 = SPSR_EL2,
        sctlr_el1 = SCTLR_EL1, ttbr0_el1 = TTBR0_EL1, ttbr1_el1 = TTBR1_EL1, tcr_el1 = TCR_EL1,
        mair_el1 = MAIR_EL1, vbar_el1 = VBAR_EL1, contextidr_el1 = CONTEXTIDR_EL1,
        sctlr_el2 = SCTLR_EL2, ttbr0_el2 = TTBR0_EL2, tcr_el2 = TCR_EL2,
        mair_el2 = MAIR_EL2, vbar_el2 = VBAR_EL2,
        tpidr_el0 = TPIDR_EL0, tpidrro_el0 = TPIDRRO_EL0, tpidr_el1 = TPIDR_EL1, tpidr_el2 = TPIDR_EL2,
        hcr_el2 = HCR_EL2, vttbr_el2 = VTTBR_EL2,
        icc_pmr_el1 = ICC_PMR_EL1, icc_rpr_el1 = ICC_RPR_EL1, icc_hppir1_el1 = ICC_HPPIR1_EL1,
        icc_igrpen1_el1 = ICC_IGRPEN1_EL1, isr_el1 = ISR_EL1,
    );
    if machine::enables().has_vhe() {
        write!(writer: ttbr1_el2 = TTBR1_EL2, contextidr_el2 = CONTEXTIDR_EL2);
    } else {
        writer.set(offset_of!(CoreRecord, ttbr1_el2), 0);
        writer.set(offset_of!(CoreRecord, contextidr_el2), 0);
    }
}
