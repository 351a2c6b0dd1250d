// SPDX-License-Identifier: GPL-2.0-only
/*
 * Put the firmware's stop before the kernel's, on a kernel that knows nothing of it.
 *
 * smp_send_stop() and crash_smp_send_stop() are hooked with ftrace, and machine_shutdown(), where a kexec turns the
 * other CPUs off one by one. When the firmware has taken the job the hooked function is replaced by one that has little
 * or nothing left to do; when it refuses, the kernel's own code runs as if we were not here.
 */
#define pr_fmt(fmt) "quell: " fmt

#include <linux/irqflags.h>
#include <linux/printk.h>

#include "compat.h"
#include "quell_stop.h"

struct stop_hook {
	struct ftrace_ops ops;
	unsigned char *function;
	unsigned long kind;
	void (*instead)(void);
};

static noinline void already_stopped(void)
{
}

/* Of what the other CPUs held when they were stopped nothing may be waited for: no interrupt until the new kernel runs */
static noinline void already_shut_down(void)
{
	local_irq_disable();
}

static void notrace before_stop(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
				struct ftrace_regs *fregs)
{
	const struct stop_hook *hook = container_of(ops, struct stop_hook, ops);
	unsigned long kind = hook->kind;
	unsigned long flags;

	/* panic() comes through smp_send_stop() too, unless it was told to run its notifiers before kdump */
	if (oops_in_progress)
		kind = QUELL_KIND_CRASH;

	local_irq_save(flags);
	if (quell_stop_others(kind))
		quell_go_on_at(fregs, hook->instead);
	local_irq_restore(flags);
}

/*
 * PERMANENT: a stop must not depend on the sysctl kernel.ftrace_enabled. RECURSION: nor on whether the kernel panics in
 * a tracer; a stop calls none of the hooked functions.
 */
#define STOP_HOOK(name, stop_kind, replacement) {				\
	.ops = {								\
		.func = before_stop,						\
		.flags = QUELL_FTRACE_FLAGS | FTRACE_OPS_FL_PERMANENT |		\
			 FTRACE_OPS_FL_RECURSION,				\
	},									\
	.function = (name),							\
	.kind = (stop_kind),							\
	.instead = (replacement),						\
}

static struct stop_hook hooks[] = {
	STOP_HOOK("smp_send_stop", QUELL_KIND_HALT, already_stopped),
	STOP_HOOK("crash_smp_send_stop", QUELL_KIND_CRASH, already_stopped),
	STOP_HOOK("machine_shutdown", QUELL_KIND_KEXEC, already_shut_down),
};

static void unhook(size_t count)
{
	while (count--)
		unregister_ftrace_function(&hooks[count].ops);
}

int quell_hook_init(void)
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

void quell_hook_exit(void)
{
	unhook(ARRAY_SIZE(hooks));
}
