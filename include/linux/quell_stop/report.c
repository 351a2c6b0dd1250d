// SPDX-License-Identifier: GPL-2.0-only
/*
 * What became of each CPU, and where it was.
 */
#define pr_fmt(fmt) "quell: " fmt

#include <linux/printk.h>
#include <linux/ptrace.h>

#include "quell_stop.h"

static const char * const why_names[] = {
	[QUELL_WHY_NONE] = "UNTOUCHED",
	[QUELL_WHY_ACK] = "ACK",
	[QUELL_WHY_NMI] = "NMI",
	[QUELL_WHY_OFF] = "OFF",
	[QUELL_WHY_SUSPENDED] = "SUSPENDED",
	[QUELL_WHY_LOST] = "LOST",
	[QUELL_WHY_NEVER_RAN] = "NEVER_RAN",
	[QUELL_WHY_IN_EL3] = "LEFT IN_EL3",
	[QUELL_WHY_NO_ANSWER] = "LEFT NO_ANSWER",
};

static const char * const kind_names[] = {
	[QUELL_KIND_PAUSE] = "PAUSE",
	[QUELL_KIND_HALT] = "HALT",
	[QUELL_KIND_KEXEC] = "KEXEC",
	[QUELL_KIND_CRASH] = "CRASH",
};

const char *quell_irq_state(u64 pstate)
{
	return pstate & PSR_I_BIT ? "IRQs masked" : "IRQs on";
}

const char *quell_why_name(u8 why)
{
	return why < ARRAY_SIZE(why_names) ? why_names[why] : "UNKNOWN";
}

const char *quell_kind_name(u64 kind)
{
	return kind < ARRAY_SIZE(kind_names) ? kind_names[kind] : "UNKNOWN";
}

void quell_report_cpu(unsigned int cpu, const struct arm_smccc_res *status, const struct quell_core_record *record)
{
	const char *name = quell_why_name(quell_status_why(status));

	if (status->a0 != QUELL_SUCCESS)
		pr_crit("cpu%u no status (%ld)\n", cpu, (long)status->a0);
	else if (record)
		pr_crit("cpu%u %s pc=0x%llx (%pS) pstate=0x%llx %s\n", cpu, name, record->pc,
			(void *)record->pc, record->pstate, quell_irq_state(record->pstate));
	else
		pr_crit("cpu%u %s\n", cpu, name);
}

void quell_report_evicted(unsigned int cpu, const struct quell_core_record *record)
{
	if (record)
		pr_crit("cpu%u does not answer: evicted, pc=0x%llx (%pS) pstate=0x%llx %s\n", cpu, record->pc,
			(void *)record->pc, record->pstate, quell_irq_state(record->pstate));
	else
		pr_crit("cpu%u does not answer: evicted\n", cpu);
}

void quell_report_sum(unsigned long kind, unsigned long targets, u64 progress)
{
	printk(KERN_CRIT "stop: kind=%s targets=%lu acked=%u nmi=%u off=%u left=%u\n", quell_kind_name(kind), targets,
	       (u16)progress, (u16)(progress >> 16), (u16)(progress >> 32), (u16)(progress >> 48));
}
