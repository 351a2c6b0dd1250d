// SPDX-License-Identifier: GPL-2.0-only
/*
 * One stop of all other CPUs.
 *
 * BEGIN raises the firmware's fence, so that no CPU comes online any more. Then each member is asked by a csd, the
 * lock-free half of the kernel's cross calls: it masks everything and says ACK, which does not return. One that does
 * not come within grace_us gets the firmware's secure interrupt, which it cannot mask. POLL drives and ends it.
 */
#define pr_fmt(fmt) "quell: " fmt

#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/timex.h>
#include <uapi/linux/psci.h>

#include <asm/arch_timer.h>
#include <asm/cputype.h>
#include <asm/daifflags.h>
#include <asm/irq_regs.h>

#include "quell_stop.h"

/* Longest that one POLL may stay in the firmware (its own limit) */
#define POLL_BUDGET_US	1000
/* What the firmware may take beyond grace and nmi before we stop asking */
#define SLACK_US	(500 * USEC_PER_MSEC)
/* After this a second stopper of the same kind may take over from one that died in the middle */
#define LEASE_US	(10 * USEC_PER_SEC)

static unsigned int grace_us = 100 * USEC_PER_MSEC;
module_param(grace_us, uint, 0644);
MODULE_PARM_DESC(grace_us, "time for a CPU to stop by itself when asked");

static unsigned int nmi_us = USEC_PER_SEC;
module_param(nmi_us, uint, 0644);
MODULE_PARM_DESC(nmi_us, "time for a CPU to stop by the secure interrupt");

static DEFINE_PER_CPU(call_single_data_t, stop_csd);
static DEFINE_PER_CPU(u64, mpidr) = INVALID_HWID;
static int hotplug_state;

/* The CPU that has stopped all others: its later stops have nothing to do */
static int stopped_by = -1;

static void member_stop(void *unused)
{
	struct arm_smccc_res res;

	local_daif_mask();
	arm_smccc_1_1_smc(QUELL_FID_ACK, get_irq_regs(), &res);

	/* Only here if no session wants it any more: still, this kernel is done with this CPU */
	arm_smccc_1_1_smc(PSCI_0_2_FN_CPU_OFF, &res);
	for (;;)
		wfi();
}

static void ask_members(void)
{
	unsigned int cpu;

	/* A csd that is still in flight from a session that was taken over does as well: no result to check */
	for_each_online_cpu(cpu)
		if (cpu != smp_processor_id())
			smp_call_function_single_async(cpu, per_cpu_ptr(&stop_csd, cpu));
}

static void poll_until_over(unsigned long handle, struct arm_smccc_res *res)
{
	u64 limit_us = (u64)grace_us + nmi_us + SLACK_US;
	u64 limit = limit_us * (arch_timer_get_cntfrq() / USEC_PER_SEC);
	u64 start = get_cycles();

	do {
		arm_smccc_1_1_smc(QUELL_FID_POLL, handle, POLL_BUDGET_US, res);
	} while (res->a0 == QUELL_PENDING && get_cycles() - start < limit);
}

/* As if the CPU had taken itself down: nobody waits for it or calls it again */
static void set_offline(unsigned int cpu)
{
	if (cpumask_test_and_clear_cpu(cpu, &__cpu_online_mask))
		atomic_dec(&__num_online_cpus);
}

static void account_members(void)
{
	struct arm_smccc_res status;
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		u64 id = per_cpu(mpidr, cpu);

		if (cpu == smp_processor_id() || id == INVALID_HWID)
			continue;

		arm_smccc_1_1_smc(QUELL_FID_STATUS, id, &status);
		quell_report_cpu(cpu, id, &status);
		quell_timeline_cpu(cpu, id, &status);
		if (status.a0 == QUELL_SUCCESS && quell_status_state(&status) == QUELL_STATE_OFF)
			set_offline(cpu);
	}
}

bool quell_stop_others(unsigned long kind)
{
	struct arm_smccc_res begin, poll;
	struct quell_times times;

	if (stopped_by == smp_processor_id())
		return true;

	times.begin = __arch_counter_get_cntpct();
	arm_smccc_1_1_smc(QUELL_FID_BEGIN, kind, grace_us, nmi_us, LEASE_US, ~0UL, 0UL, &begin);
	if (begin.a0 != QUELL_SUCCESS) {
		pr_crit("the firmware refuses to stop the other CPUs (%ld)\n", (long)begin.a0);
		return false;
	}

	times.ask = __arch_counter_get_cntpct();
	ask_members();
	poll_until_over(begin.a1, &poll);
	times.done = __arch_counter_get_cntpct();
	stopped_by = smp_processor_id();

	quell_timeline_owner(read_cpuid_mpidr() & MPIDR_HWID_BITMASK, &times);
	account_members();
	if ((long)poll.a0 < 0)
		pr_crit("the firmware lost the session (%ld)\n", (long)poll.a0);
	else
		quell_report_sum(kind, begin.a2, poll.a1);
	return true;
}

static int learn_mpidr(unsigned int cpu)
{
	per_cpu(mpidr, cpu) = read_cpuid_mpidr() & MPIDR_HWID_BITMASK;
	return 0;
}

int quell_session_init(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		INIT_CSD(per_cpu_ptr(&stop_csd, cpu), member_stop, NULL);

	hotplug_state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "quell:mpidr", learn_mpidr, NULL);
	return hotplug_state < 0 ? hotplug_state : 0;
}

void quell_session_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
}
