// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which CPU is which core, and which of them the kernel may still call.
 */
#include <linux/context_tracking.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/percpu.h>

#include "compat.h"
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

void quell_cpu_idle_for_rcu(unsigned int cpu)
{
	atomic_t *state = per_cpu_ptr(&context_tracking.state, cpu);

	/* A counter above its bits of state, which counts the ways in and out: as the CPU itself would on its way to sleep */
	if (atomic_read(state) & CT_RCU_WATCHING)
		atomic_add(CT_RCU_WATCHING, state);
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
