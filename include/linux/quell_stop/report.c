// SPDX-License-Identifier: GPL-2.0-only
/*
 * What became of each CPU, and where it was.
 */
#define pr_fmt(fmt) "quell: " fmt

#include <linux/cpumask.h>
#include <linux/printk.h>
#include <linux/ptrace.h>

#include "quell_stop.h"

/* With more CPUs than that only those are printed of which there is something to say: a serial console is slow */
#define QUIET_CPUS 16

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

/* Print where a CPU was. how is a word on its end. */
static void report_place(unsigned int cpu, const char *how, const struct quell_core_record *record)
{
	if (quell_record_in_kernel(record))
		pr_crit("cpu%u %s pc=0x%llx (%pS) pstate=0x%llx %s\n", cpu, how, record->pc,
			(void *)record->pc, record->pstate, quell_irq_state(record->pstate));
	else
		pr_crit("cpu%u %s pc=0x%llx (a program or a guest) pstate=0x%llx %s\n", cpu, how, record->pc,
			record->pstate, quell_irq_state(record->pstate));
}

void quell_report_cpu(unsigned int cpu, const struct arm_smccc_res *status, const struct quell_core_record *record)
{
	u8 why = quell_status_why(status);

	if (status->a0 != QUELL_SUCCESS)
		pr_crit("cpu%u no status (%ld)\n", cpu, (long)status->a0);
	else if (record && why != QUELL_WHY_SUSPENDED)
		report_place(cpu, quell_why_name(why), record);
	else if (num_possible_cpus() <= QUIET_CPUS || why >= QUELL_WHY_IN_EL3)
		pr_crit("cpu%u %s\n", cpu, quell_why_name(why));
}

void quell_report_evicted(unsigned int cpu, const struct quell_core_record *record)
{
	if (record)
		report_place(cpu, "does not answer: evicted,", record);
	else
		pr_crit("cpu%u does not answer: evicted\n", cpu);
}

void quell_report_sum(unsigned long kind, unsigned long targets, u64 progress)
{
	printk(KERN_CRIT "stop: kind=%s targets=%lu acked=%u nmi=%u off=%u left=%u\n", quell_kind_name(kind), targets,
	       (u16)progress, (u16)(progress >> 16), (u16)(progress >> 32), (u16)(progress >> 48));
}
