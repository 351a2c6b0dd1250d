// SPDX-License-Identifier: GPL-2.0-only
/*
 * An orderly reboot, power-off or kexec with a CPU that does not listen.
 *
 * The kernel calls all CPUs and waits for them long before it stops them (kvm and perf do so when they hear of a
 * reboot), and would wait for ever. So before anybody else hears of it each CPU is pinged. One that does not answer is
 * stopped by the firmware, and the kernel forgets it.
 */
#define pr_fmt(fmt) "quell: " fmt

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "quell_stop.h"

/* How long a CPU may take to answer, and how long and how often the firmware may take to stop it: the caller waits there */
#define PING_MS		300
#define EVICT_US	(100 * USEC_PER_MSEC)
#define EVICT_TRIES	10

static DEFINE_PER_CPU(call_single_data_t, ping_csd);
static cpumask_t mute;
static struct quell_core_record *record;

static void answer(void *unused)
{
	cpumask_clear_cpu(smp_processor_id(), &mute);
}

static void find_mute_cpus(void)
{
	unsigned long end = jiffies + msecs_to_jiffies(PING_MS);
	unsigned int cpu;

	cpumask_copy(&mute, cpu_online_mask);
	for_each_online_cpu(cpu)
		smp_call_function_single_async(cpu, per_cpu_ptr(&ping_csd, cpu));
	while (!cpumask_empty(&mute) && time_before(jiffies, end))
		usleep_range(500, 1000);
	/* One that went offline meanwhile has no answer to give */
	cpumask_and(&mute, &mute, cpu_online_mask);
}

static void evict(unsigned int cpu)
{
	struct arm_smccc_res res;
	unsigned int tries = 0;

	do
		arm_smccc_1_1_smc(QUELL_FID_EVICT, quell_cpu_mpidr(cpu), EVICT_US, &res);
	while (res.a0 == QUELL_PARTIAL && ++tries < EVICT_TRIES);

	if (res.a0 == QUELL_SUCCESS || res.a0 == QUELL_PENDING) {
		quell_report_evicted(cpu, quell_record_read(quell_cpu_mpidr(cpu), record) ? record : NULL);
		quell_cpu_gone(cpu);
		quell_cpu_idle_for_rcu(cpu);
		pr_info("cpu%u: %u tasks run elsewhere\n", cpu, quell_tasks_move(cpu));
	} else {
		pr_crit("cpu%u does not answer, nor does it let itself be stopped (%ld)\n", cpu, (long)res.a0);
	}
}

static int before_reboot(struct notifier_block *block, unsigned long action, void *unused)
{
	unsigned int cpu;

	find_mute_cpus();
	for_each_cpu(cpu, &mute)
		if (quell_cpu_mpidr(cpu) != INVALID_HWID)
			evict(cpu);
	return NOTIFY_DONE;
}

static struct notifier_block reboot_notifier = {
	.notifier_call = before_reboot,
	.priority = INT_MAX,
};

int quell_orderly_init(void)
{
	unsigned int cpu;
	int err;

	record = kmalloc(sizeof(*record), GFP_KERNEL);
	if (!record)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		INIT_CSD(per_cpu_ptr(&ping_csd, cpu), answer, NULL);
	err = register_reboot_notifier(&reboot_notifier);
	if (err)
		kfree(record);
	return err;
}

void quell_orderly_exit(void)
{
	unregister_reboot_notifier(&reboot_notifier);
	kfree(record);
}
