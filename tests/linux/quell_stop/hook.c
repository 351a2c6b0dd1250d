// SPDX-License-Identifier: GPL-2.0-only
/*
 * Put the firmware's stop before the kernel's, on a kernel that knows nothing of it.
 *
 * smp_send_stop() and crash_smp_send_stop() are hooked with ftrace. When the firmware has taken the job the
 * hooked function is replaced by an empty one; when it refuses, the kernel's own code runs as if we were not here.
 */
#define pr_fmt(fmt) "quell: " fmt

#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "quell_stop.h"

#define NEEDED_CALLS (BIT(QUELL_FID_BEGIN & 0xff) | BIT(QUELL_FID_POLL & 0xff) | BIT(QUELL_FID_ACK & 0xff) | \
		      BIT(QUELL_FID_STATUS & 0xff) | BIT(QUELL_FID_READ & 0xff))
#define NEEDED_KINDS (BIT(QUELL_KIND_HALT) | BIT(QUELL_KIND_CRASH))
#define NEEDED_FEATURES (NEEDED_CALLS | NEEDED_KINDS << QUELL_FEATURE_KIND_SHIFT)

struct stop_hook {
	struct ftrace_ops ops;
	unsigned char *function;
	unsigned long kind;
};

static noinline void already_stopped(void)
{
}

static void notrace before_stop(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
				struct ftrace_regs *fregs)
{
	unsigned long kind = container_of(ops, struct stop_hook, ops)->kind;

	/* panic() comes through smp_send_stop() too, unless it was told to run its notifiers before kdump */
	if (oops_in_progress)
		kind = QUELL_KIND_CRASH;

	if (quell_stop_others(kind))
		ftrace_get_regs(fregs)->pc = (unsigned long)already_stopped;
}

/* PERMANENT: a stop must not depend on the sysctl kernel.ftrace_enabled */
#define STOP_HOOK(name, stop_kind) {						\
	.ops = {								\
		.func = before_stop,						\
		.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY |	\
			 FTRACE_OPS_FL_PERMANENT,				\
	},									\
	.function = (name),							\
	.kind = (stop_kind),							\
}

static struct stop_hook hooks[] = {
	STOP_HOOK("smp_send_stop", QUELL_KIND_HALT),
	STOP_HOOK("crash_smp_send_stop", QUELL_KIND_CRASH),
};

static void unhook(size_t count)
{
	while (count--)
		unregister_ftrace_function(&hooks[count].ops);
}

static int hook(void)
{
	size_t i;
	int err;

	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		err = ftrace_set_filter(&hooks[i].ops, hooks[i].function, strlen(hooks[i].function), 1);
		if (!err)
			err = register_ftrace_function(&hooks[i].ops);
		if (err) {
			pr_err("cannot hook %s (%d)\n", hooks[i].function, err);
			unhook(i);
			return err;
		}
	}
	return 0;
}

static bool service_present(void)
{
	struct arm_smccc_res res;

	/* The service is EL3's: a hypervisor's HVC does not reach it */
	if (arm_smccc_1_1_get_conduit() != SMCCC_CONDUIT_SMC)
		return false;

	arm_smccc_1_1_smc(QUELL_FID_UID, &res);
	if (lower_32_bits(res.a0) != QUELL_UID_0 || lower_32_bits(res.a1) != QUELL_UID_1 ||
	    lower_32_bits(res.a2) != QUELL_UID_2 || lower_32_bits(res.a3) != QUELL_UID_3)
		return false;

	/* Same major version, and ours or a later minor one */
	arm_smccc_1_1_smc(QUELL_FID_VERSION, &res);
	if (res.a0 >> 16 != QUELL_VERSION >> 16 || res.a0 < QUELL_VERSION)
		return false;

	arm_smccc_1_1_smc(QUELL_FID_FEATURES, &res);
	return res.a0 == QUELL_SUCCESS && (res.a1 & NEEDED_FEATURES) == NEEDED_FEATURES &&
	       res.a3 == sizeof(struct quell_core_record);
}

static int __init quell_stop_init(void)
{
	int err;

	if (!service_present()) {
		pr_err("this machine's firmware has no coordinated stop service 1.0\n");
		return -ENODEV;
	}

	err = quell_report_init();
	if (err)
		return err;

	err = quell_session_init();
	if (err)
		goto free_report;

	err = hook();
	if (err)
		goto end_session;

	pr_info("the firmware stops the other CPUs\n");
	return 0;

end_session:
	quell_session_exit();
free_report:
	quell_report_exit();
	return err;
}

static void __exit quell_stop_exit(void)
{
	unhook(ARRAY_SIZE(hooks));
	quell_session_exit();
	quell_report_exit();
}

module_init(quell_stop_init);
module_exit(quell_stop_exit);

MODULE_DESCRIPTION("Stop CPUs through the firmware's coordinated stop service");
MODULE_LICENSE("GPL");
