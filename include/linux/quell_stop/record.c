// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a core was doing, as the firmware has recorded it.
 */
#include <linux/io.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include <asm/virt.h>

#include "quell_stop.h"

bool quell_record_read(u64 mpidr, struct quell_core_record *record)
{
	struct arm_smccc_res res;

	arm_smccc_1_1_smc(QUELL_FID_READ, mpidr, virt_to_phys(record), sizeof(*record), &res);
	return res.a0 == QUELL_SUCCESS && record->magic == QUELL_RECORD_MAGIC && record->valid;
}

u64 quell_record_sp(const struct quell_core_record *record)
{
	switch (record->pstate & PSR_MODE_MASK) {
	case PSR_MODE_EL1h:
		return record->sp_el1;
	case PSR_MODE_EL2h:
		return record->sp_el2;
	default:
		return record->sp_el0;
	}
}

void quell_record_regs(const struct quell_core_record *record, struct pt_regs *regs)
{
	memset(regs, 0, sizeof(*regs));
	memcpy(regs->regs, record->x, sizeof(regs->regs));
	regs->sp = quell_record_sp(record);
	regs->pc = record->pc;
	regs->pstate = record->pstate;
}

bool quell_record_in_kernel(const struct quell_core_record *record)
{
	u64 mode = record->pstate & PSR_MODE_MASK;

	return mode == (is_kernel_in_hyp_mode() ? PSR_MODE_EL2h : PSR_MODE_EL1h);
}

pid_t quell_record_pid(const struct quell_core_record *record)
{
	/* Where the kernel keeps it while it is in the kernel */
	struct task_struct *task = (struct task_struct *)record->sp_el0;
	pid_t pid;

	if (!quell_record_in_kernel(record) || get_kernel_nofault(pid, &task->pid))
		return 0;
	return pid;
}
