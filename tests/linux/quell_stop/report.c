// SPDX-License-Identifier: GPL-2.0-only
/*
 * What became of each CPU, and where it was.
 */
#define pr_fmt(fmt) "quell: " fmt

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/printk.h>
#include <linux/ptrace.h>

#include "quell_stop.h"

static struct quell_core_record *record;

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

static const char *irq_state(u64 pstate)
{
	return pstate & PSR_I_BIT ? "IRQs masked" : "IRQs on";
}

static bool read_record(u64 mpidr)
{
	struct arm_smccc_res res;

	arm_smccc_1_1_smc(QUELL_FID_READ, mpidr, virt_to_phys(record), sizeof(*record), &res);
	return res.a0 == QUELL_SUCCESS && record->magic == QUELL_RECORD_MAGIC && record->valid;
}

void quell_report_cpu(unsigned int cpu, u64 mpidr, const struct arm_smccc_res *status)
{
	u8 why = quell_status_why(status);
	const char *name = why < ARRAY_SIZE(why_names) ? why_names[why] : "UNKNOWN";

	if (status->a0 != QUELL_SUCCESS)
		pr_crit("cpu%u no status (%ld)\n", cpu, (long)status->a0);
	else if ((why == QUELL_WHY_NMI || why == QUELL_WHY_LOST) && read_record(mpidr))
		pr_crit("cpu%u %s pc=0x%llx (%pS) pstate=0x%llx %s\n", cpu, name, record->pc,
			(void *)record->pc, record->pstate, irq_state(record->pstate));
	else
		pr_crit("cpu%u %s\n", cpu, name);
}

void quell_report_sum(unsigned long kind, unsigned long targets, u64 progress)
{
	printk(KERN_CRIT "stop: kind=%s targets=%lu acked=%u nmi=%u off=%u left=%u\n", kind_names[kind], targets,
	       (u16)progress, (u16)(progress >> 16), (u16)(progress >> 32), (u16)(progress >> 48));
}

int quell_report_init(void)
{
	record = (struct quell_core_record *)__get_free_page(GFP_KERNEL);
	return record ? 0 : -ENOMEM;
}

void quell_report_exit(void)
{
	free_page((unsigned long)record);
}
