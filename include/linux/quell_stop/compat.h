/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that this is built for: Linux 6.1 and later.
 */
#ifndef QUELL_COMPAT_H
#define QUELL_COMPAT_H

#include <linux/context_tracking_state.h>
#include <linux/ftrace.h>

/* Where a hooked function goes on, and what a hook needs for it. From 6.4 on arm64 saves only the arguments. */
#ifdef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
#define QUELL_FTRACE_FLAGS FTRACE_OPS_FL_IPMODIFY

static __always_inline void quell_go_on_at(struct ftrace_regs *fregs, void (*function)(void))
{
	ftrace_regs_set_instruction_pointer(fregs, (unsigned long)function);
}
#else
#define QUELL_FTRACE_FLAGS (FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_SAVE_REGS)

static __always_inline void quell_go_on_at(struct ftrace_regs *fregs, void (*function)(void))
{
	ftrace_get_regs(fregs)->pc = (unsigned long)function;
}
#endif

/* The bit of a CPU's context that is set while RCU waits for it; its name since 6.13 */
#ifndef CT_RCU_WATCHING
#define CT_RCU_WATCHING RCU_DYNTICKS_IDX
#endif

#endif /* QUELL_COMPAT_H */
