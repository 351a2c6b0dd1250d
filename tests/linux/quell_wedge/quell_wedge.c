// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wedge one CPU: an endless loop with debug, SError, IRQ and FIQ masked.
 */
#define pr_fmt(fmt) "quell_wedge: " fmt

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/smp.h>

#define ENTER_TIMEOUT_MS 5000

static unsigned int cpu = 1;
module_param(cpu, uint, 0444);
MODULE_PARM_DESC(cpu, "CPU to wedge; not the one that loads the module");

static bool entered;

static noinline void __noreturn wedge_loop(void)
{
	for (;;)
		cpu_relax();
}

static void wedge(void *unused)
{
	asm volatile("msr daifset, #0xf" ::: "memory");
	smp_store_release(&entered, true);
	wedge_loop();
}

static int __init quell_wedge_init(void)
{
	unsigned int waited;
	int err;

	if (cpu == raw_smp_processor_id() || cpu >= nr_cpu_ids || !cpu_online(cpu)) {
		pr_err("cpu%u is not another online CPU\n", cpu);
		return -EINVAL;
	}

	/* Must not wait: the call never ends */
	err = smp_call_function_single(cpu, wedge, NULL, 0);
	if (err)
		return err;

	for (waited = 0; !smp_load_acquire(&entered); waited++) {
		if (waited == ENTER_TIMEOUT_MS) {
			/* It may still come: the code has to stay */
			pr_err("cpu%u has not come\n", cpu);
			return 0;
		}
		mdelay(1);
	}
	pr_info("cpu%u is wedged\n", cpu);
	return 0;
}

/* No exit function: a wedged CPU runs this code for ever */
module_init(quell_wedge_init);

MODULE_DESCRIPTION("Wedge a CPU with everything masked");
MODULE_LICENSE("GPL");
