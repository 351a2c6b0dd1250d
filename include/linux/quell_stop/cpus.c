// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which CPU is which core, and which of them the kernel may still call.
 */
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/percpu.h>

#include "quell_stop.h"

static DEFINE_PER_CPU(u64, mpidr) = INVALID_HWID;
static int hotplug_state;

u64 quell_cpu_mpidr(unsigned int cpu)
{
	return per_cpu(mpidr, cpu);
}

void quell_cpu_gone(unsigned int cpu)
{
	cpumask_clear_cpu(cpu, &__cpu_active_mask);
	if (cpumask_test_and_clear_cpu(cpu, &__cpu_online_mask))
		atomic_dec(&__num_online_cpus);
}

static int learn_mpidr(unsigned int cpu)
{
	per_cpu(mpidr, cpu) = quell_own_mpidr();
	return 0;
}

int quell_cpus_init(void)
{
	hotplug_state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "quell:mpidr", learn_mpidr, NULL);
	return hotplug_state < 0 ? hotplug_state : 0;
}

void quell_cpus_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
}
