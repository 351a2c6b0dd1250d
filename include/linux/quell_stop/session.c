// SPDX-License-Identifier: GPL-2.0-only
/*
 * One stop of all other CPUs.
 *
 * BEGIN raises the firmware's fence, so that no CPU comes online any more. Then each member is asked by a csd, the
 * lock-free half of the kernel's cross calls: it masks everything and says ACK, which does not return. One that does
 * not come within grace_ms gets the firmware's secure interrupt, which it cannot mask. POLL drives and ends it.
 *
 * One that slept in the firmware at BEGIN stays there. Being asked wakes it, and the firmware records what it did.
 */
#define pr_fmt(fmt) "quell: " fmt

#include <linux/cpumask.h>
#include <linux/kexec.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/timex.h>
#include <uapi/linux/psci.h>

#include <asm/arch_timer.h>
#include <asm/daifflags.h>
#include <asm/irq_regs.h>

#include "quell_stop.h"

/* Longest that one POLL may stay in the firmware (its own limit) */
#define POLL_BUDGET_US	1000
/* What the firmware may take beyond grace and nmi before we stop asking */
#define SLACK_US	(500 * USEC_PER_MSEC)
/* After this a second stopper of the same kind may take over from one that died in the middle */
#define LEASE_US	(30 * USEC_PER_SEC)
/* Longest wait for the records of the CPUs that slept, all together */
#define RECORDS_US	(500 * USEC_PER_MSEC)

/* How long the parameters may be: a machine has to come to an end */
#define GRACE_MS_MAX	10000
#define NMI_MS_MIN	10
#define NMI_MS_MAX	10000

static int set_grace(const char *value, const struct kernel_param *param)
{
	return param_set_uint_minmax(value, param, 0, GRACE_MS_MAX);
}

static int set_nmi(const char *value, const struct kernel_param *param)
{
	return param_set_uint_minmax(value, param, NMI_MS_MIN, NMI_MS_MAX);
}

static const struct kernel_param_ops grace_ops = { .set = set_grace, .get = param_get_uint };
static const struct kernel_param_ops nmi_ops = { .set = set_nmi, .get = param_get_uint };

static unsigned int grace_ms = 100;
module_param_cb(grace_ms, &grace_ops, &grace_ms, 0644);
MODULE_PARM_DESC(grace_ms, "time for a CPU to stop by itself when asked, 0 to 10000 (default 100)");

static unsigned int nmi_ms = 1000;
module_param_cb(nmi_ms, &nmi_ops, &nmi_ms, 0644);
MODULE_PARM_DESC(nmi_ms, "time for the secure interrupt to reach a CPU, 10 to 10000 (default 1000)");

static DEFINE_PER_CPU(call_single_data_t, stop_csd);

/* The one that a report is told from */
static struct quell_core_record *record;

/* The CPU that has stopped all others: its later stops have nothing to do */
static int stopped_by = -1;

static u64 ticks(u64 us)
{
	return us * (arch_timer_get_cntfrq() / USEC_PER_SEC);
}

static void save_own_note(void)
{
	struct pt_regs own, *interrupted = get_irq_regs();

	/* A CPU that goes offline serves what it was asked outside of any interrupt */
	if (!interrupted) {
		crash_setup_regs(&own, NULL);
		interrupted = &own;
	}
	quell_note_save(smp_processor_id(), interrupted, current->pid);
}

static void member_stop(void *unused)
{
	struct arm_smccc_res res;

	local_daif_mask();
	save_own_note();
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
	u64 limit = ticks((grace_ms + nmi_ms) * USEC_PER_MSEC + SLACK_US);
	u64 start = get_cycles();

	do {
		arm_smccc_1_1_smc(QUELL_FID_POLL, handle, POLL_BUDGET_US, res);
	} while (res->a0 == QUELL_PENDING && get_cycles() - start < limit);
}

/* Read the record of a CPU whose registers only the firmware knows; one that slept may still have to wake up */
static bool read_stopped(u64 mpidr, u8 why, u64 deadline)
{
	switch (why) {
	case QUELL_WHY_NMI:
	case QUELL_WHY_LOST:
		return quell_record_read(mpidr, record);
	case QUELL_WHY_SUSPENDED:
		while (!quell_record_read(mpidr, record))
			if (get_cycles() >= deadline)
				return false;
		return true;
	default:
		return false;
	}
}

static void account_member(unsigned int cpu, u64 mpidr, u64 deadline)
{
	struct arm_smccc_res status;
	struct pt_regs regs;
	bool recorded;

	arm_smccc_1_1_smc(QUELL_FID_STATUS, mpidr, &status);
	recorded = status.a0 == QUELL_SUCCESS && read_stopped(mpidr, quell_status_why(&status), deadline);
	if (recorded) {
		quell_record_regs(record, &regs);
		quell_note_save(cpu, &regs, quell_record_pid(record));
	}
	quell_report_cpu(cpu, &status, recorded ? record : NULL);
	quell_timeline_cpu(cpu, mpidr, &status);
	if (status.a0 == QUELL_SUCCESS && quell_status_state(&status) == QUELL_STATE_OFF)
		quell_cpu_gone(cpu);
}

static void account_members(unsigned long kind)
{
	/* Only a crash dump is worth waiting for what sleeping CPUs did */
	u64 deadline = get_cycles() + (kind == QUELL_KIND_CRASH ? ticks(RECORDS_US) : 0);
	unsigned int cpu;

	for_each_online_cpu(cpu)
		if (cpu != smp_processor_id() && quell_cpu_mpidr(cpu) != INVALID_HWID)
			account_member(cpu, quell_cpu_mpidr(cpu), deadline);
}

static void forget_members(void)
{
	unsigned int cpu;

	for_each_online_cpu(cpu)
		if (cpu != smp_processor_id())
			quell_cpu_gone(cpu);
}

/* Go on without those that are left: they never return to this kernel, and the next one may start CPUs */
static void give_up_rest(unsigned long handle)
{
	struct arm_smccc_res res;

	arm_smccc_1_1_smc(QUELL_FID_RELEASE, handle, QUELL_RELEASE_OFF, QUELL_ALL_CORES, &res);
	if (res.a0 == QUELL_SUCCESS)
		forget_members();
	else
		pr_crit("the firmware does not release the CPUs that are left (%ld)\n", (long)res.a0);
}

bool quell_stop_others(unsigned long kind)
{
	struct arm_smccc_res begin, poll;
	struct quell_times times;

	if (stopped_by == smp_processor_id())
		return true;

	times.begin = __arch_counter_get_cntpct();
	/* The cookie tells the kind to who reads the records later */
	arm_smccc_1_1_smc(QUELL_FID_BEGIN, kind, grace_ms * USEC_PER_MSEC, nmi_ms * USEC_PER_MSEC, LEASE_US, ~0UL, kind,
			  &begin);
	if (begin.a0 != QUELL_SUCCESS) {
		pr_crit("the firmware refuses to stop the other CPUs (%ld)\n", (long)begin.a0);
		return false;
	}

	times.ask = __arch_counter_get_cntpct();
	ask_members();
	poll_until_over(begin.a1, &poll);
	times.done = __arch_counter_get_cntpct();
	stopped_by = smp_processor_id();

	quell_timeline_owner(quell_own_mpidr(), &times);
	account_members(kind);
	if ((long)poll.a0 < 0)
		pr_crit("the firmware lost the session (%ld)\n", (long)poll.a0);
	else
		quell_report_sum(kind, begin.a2, poll.a1);
	if (poll.a0 == QUELL_SUCCESS)
		forget_members();
	else if (poll.a0 == QUELL_PARTIAL)
		give_up_rest(begin.a1);
	return true;
}

int quell_session_init(void)
{
	unsigned int cpu;

	record = kmalloc(sizeof(*record), GFP_KERNEL);
	if (!record)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		INIT_CSD(per_cpu_ptr(&stop_csd, cpu), member_stop, NULL);
	return 0;
}

void quell_session_exit(void)
{
	kfree(record);
}
