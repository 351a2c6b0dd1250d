/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Coordinated Stop ABI 1.0: the contract between the firmware and an operating system.
 *
 * The same numbers stand in src/ for Rust; a test compares every one of them.
 * All calls are SMC64 fast calls. x0 is the status, sign-extended; times are microseconds.
 */
#ifndef QUELL_ABI_H
#define QUELL_ABI_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
typedef uint8_t __u8;
typedef uint32_t __u32;
typedef uint64_t __u64;
#endif

#define QUELL_VERSION			0x00010000u

/* Function identifiers */
#define QUELL_FID_VERSION32		0x87000100u	/* VERSION in the SMC32 convention */
#define QUELL_FID_UID			0x8700FF01u	/* Call UID, in w0 to w3 */
#define QUELL_FID_REVISION		0x8700FF03u	/* Revision, in w0 and w1 */
#define QUELL_FID_VERSION		0xC7000100u
#define QUELL_FID_FEATURES		0xC7000101u
#define QUELL_FID_BEGIN			0xC7000102u
#define QUELL_FID_POLL			0xC7000103u
#define QUELL_FID_ACK			0xC7000104u
#define QUELL_FID_RELEASE		0xC7000105u
#define QUELL_FID_STATUS		0xC7000106u
#define QUELL_FID_READ			0xC7000107u
#define QUELL_FID_SNAPSHOT		0xC7000108u
#define QUELL_FID_MASK			0xC7000109u
#define QUELL_FID_SYNC			0xC700010Au
#define QUELL_FID_CORE_ID		0xC700010Bu
#define QUELL_FID_EVICT			0xC700010Cu

/* 7cab109f-5a8c-4118-856e-c6e7e45eb8ab */
#define QUELL_UID_0			0x9f10ab7cu
#define QUELL_UID_1			0x18418c5au
#define QUELL_UID_2			0xe7c66e85u
#define QUELL_UID_3			0xabb85ee4u

/* FEATURES x1: bit n for call n, bit 32 + kind for a kind that BEGIN takes, its flags from bit 40 on */
#define QUELL_FEATURE_KIND_SHIFT	32
#define QUELL_FEATURE_FLAGS_SHIFT	40

/* BEGIN x1: kind | flags << 8 */
#define QUELL_KIND_PAUSE		0
#define QUELL_KIND_HALT			1
#define QUELL_KIND_KEXEC		2
#define QUELL_KIND_CRASH		3
#define QUELL_FLAG_TRY			1
#define QUELL_FLAG_ORPHAN_RESET		2
#define QUELL_PAUSE_LEASE_MAX		100000	/* microseconds; a PAUSE must have a lease */

/* RELEASE x2; its x3, and x1 of SNAPSHOT for every other core, is QUELL_ALL_CORES */
#define QUELL_RELEASE_RESUME		0
#define QUELL_RELEASE_OFF		1
#define QUELL_ALL_CORES			(~0ull)

/* SNAPSHOT and EVICT x2, at most, in microseconds */
#define QUELL_TIMEOUT_MAX		10000000

/* Status */
#define QUELL_SUCCESS			0
#define QUELL_PENDING			1
#define QUELL_PARTIAL			2
#define QUELL_NOT_SUPPORTED		(-1)
#define QUELL_INVALID_PARAMETERS	(-2)
#define QUELL_DENIED			(-3)
#define QUELL_INTERNAL_FAILURE		(-6)
#define QUELL_INVALID_ADDRESS		(-9)
#define QUELL_BUSY			(-32)
#define QUELL_STALE_HANDLE		(-33)
#define QUELL_NO_SESSION		(-34)

/* STATUS x1: state | why << 8 | generation << 32 */
#define QUELL_STATE_OFF			0
#define QUELL_STATE_CLAIMED		1
#define QUELL_STATE_PENDING		2
#define QUELL_STATE_CANCELLED		3
#define QUELL_STATE_ON			4
#define QUELL_STATE_SUSPENDED		5
#define QUELL_STATE_STOPPING		6
#define QUELL_STATE_PARKED		7
#define QUELL_STATE_QUARANTINED		0x80	/* a flag beside the state */

#define QUELL_WHY_NONE			0
#define QUELL_WHY_ACK			1
#define QUELL_WHY_NMI			2
#define QUELL_WHY_OFF			3
#define QUELL_WHY_SUSPENDED		4
#define QUELL_WHY_LOST			5
#define QUELL_WHY_NEVER_RAN		6
#define QUELL_WHY_IN_EL3		7
#define QUELL_WHY_NO_ANSWER		8

#define QUELL_WORLD_NON_SECURE		0

#define QUELL_RECORD_MAGIC		0x43455251u	/* "QREC" */
#define QUELL_RECORD_VERSION		0x00010000u
#define QUELL_RECORD_SIZE		1024

/* What READ copies out. Little-endian, 8-byte aligned. A register that the core does not have reads 0. */
struct quell_core_record {
	__u32 magic;                /* RECORD_MAGIC. */
	__u32 version;              /* RECORD_VERSION. */
	__u32 size;                 /* RECORD_SIZE. */
	__u32 index;                /* Index of the core, as CORE_ID takes it. */
	__u64 mpidr;                /* Affinity fields of the core's MPIDR_EL1. */
	__u32 generation;           /* Generation of the session that stopped it. */
	__u8 state;                 /* State when the record was read. */
	__u8 why;                   /* Why the core stopped. */
	__u8 world;                 /* World that it was stopped in. */
	__u8 valid;                 /* 1 if the registers below are those of the stop. */
	__u64 cookie;               /* x6 of the BEGIN that stopped it. */
	__u64 signalled;            /* CNTPCT_EL0 when the secure interrupt was first sent to it, 0 if none was. */
	__u64 stopped;              /* CNTPCT_EL0 when it had stopped. */
	__u64 saved_registers;      /* x1 of its ACK: address of the OS's own copy of the registers, as the OS gave it. */

	__u64 pc;                   /* Program counter: the next instruction the core would have run. */
	__u64 pstate;               /* SPSR_EL3: the core's PSTATE. */
	__u64 x[31];                /* General-purpose registers x0 to x30. */
	__u64 sp_el0;               /* SP_EL0. */
	__u64 sp_el1;               /* SP_EL1. */
	__u64 sp_el2;               /* SP_EL2. */

	__u64 esr_el1;              /* ESR_EL1. */
	__u64 far_el1;              /* FAR_EL1. */
	__u64 elr_el1;              /* ELR_EL1. */
	__u64 spsr_el1;             /* SPSR_EL1. */
	__u64 esr_el2;              /* ESR_EL2. */
	__u64 far_el2;              /* FAR_EL2. */
	__u64 elr_el2;              /* ELR_EL2. */
	__u64 spsr_el2;             /* SPSR_EL2. */

	__u64 sctlr_el1;            /* SCTLR_EL1. */
	__u64 ttbr0_el1;            /* TTBR0_EL1. */
	__u64 ttbr1_el1;            /* TTBR1_EL1. */
	__u64 tcr_el1;              /* TCR_EL1. */
	__u64 mair_el1;             /* MAIR_EL1. */
	__u64 vbar_el1;             /* VBAR_EL1. */
	__u64 contextidr_el1;       /* CONTEXTIDR_EL1. */
	__u64 sctlr_el2;            /* SCTLR_EL2. */
	__u64 ttbr0_el2;            /* TTBR0_EL2. */
	__u64 ttbr1_el2;            /* TTBR1_EL2, with FEAT_VHE. */
	__u64 tcr_el2;              /* TCR_EL2. */
	__u64 mair_el2;             /* MAIR_EL2. */
	__u64 vbar_el2;             /* VBAR_EL2. */
	__u64 contextidr_el2;       /* CONTEXTIDR_EL2, with FEAT_VHE. */

	__u64 tpidr_el0;            /* TPIDR_EL0. */
	__u64 tpidrro_el0;          /* TPIDRRO_EL0. */
	__u64 tpidr_el1;            /* TPIDR_EL1. */
	__u64 tpidr_el2;            /* TPIDR_EL2. */
	__u64 hcr_el2;              /* HCR_EL2. */
	__u64 vttbr_el2;            /* VTTBR_EL2. */

	__u64 icc_pmr_el1;          /* ICC_PMR_EL1 as the secure side sees it: the OS masks what is not below it. */
	__u64 icc_rpr_el1;          /* ICC_RPR_EL1: priority of the interrupt that was being handled, 0xff if none. */
	__u64 icc_hppir1_el1;       /* ICC_HPPIR1_EL1: the Group 1 interrupt that was waiting, 1023 if none. */
	__u64 icc_igrpen1_el1;      /* ICC_IGRPEN1_EL1 of the non-secure state. */
	__u64 isr_el1;              /* ISR_EL1: which interrupts were pending at the core. */

	__u64 reserved[51];         /* Zero. */
};

#endif /* QUELL_ABI_H */
