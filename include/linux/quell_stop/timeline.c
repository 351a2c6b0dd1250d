// SPDX-License-Identifier: GPL-2.0-only
/*
 * When it happened, for `cargo xtask run linux --wedge N --timeline FILE`: ticks of the system counter, as STATUS has
 * them, 0 for what did not happen.
 */
#define pr_fmt(fmt) "quell: timeline: " fmt

#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/smp.h>

#include <asm/arch_timer.h>

#include "quell_stop.h"

static bool timeline;
module_param(timeline, bool, 0644);
MODULE_PARM_DESC(timeline, "print the times of a stop for a program to draw");

void quell_timeline_owner(u64 mpidr, const struct quell_times *times)
{
	if (timeline)
		pr_crit("owner=%u mpidr=0x%llx frequency=%u begin=%llu ipi=%llu done=%llu\n", smp_processor_id(), mpidr,
			arch_timer_get_cntfrq(), times->begin, times->ask, times->done);
}

void quell_timeline_cpu(unsigned int cpu, u64 mpidr, const struct arm_smccc_res *status)
{
	if (timeline && status->a0 == QUELL_SUCCESS)
		pr_crit("core=%u mpidr=0x%llx why=%u signalled=%lu stopped=%lu\n", cpu, mpidr, quell_status_why(status),
			status->a2, status->a3);
}
