// SPDX-License-Identifier: GPL-2.0-only
/*
 * A core's record as a text.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/thread_info.h>
#include <linux/uaccess.h>

#include "quell_stop.h"

/* A kernel's return address without the signature in its upper bits */
static u64 strip_signature(u64 address)
{
	return address & BIT_ULL(55) ? address | GENMASK_ULL(63, 48) : address;
}

static void dump_registers(struct seq_file *m, const struct quell_core_record *record)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(record->x); i++)
		seq_printf(m, "%sx%-2u %016llx", i % 4 ? "  " : i ? "\n  " : "  ", i, record->x[i]);
	seq_putc(m, '\n');
}

static void dump_system_registers(struct seq_file *m, const struct quell_core_record *record)
{
	seq_printf(m, "  sp_el0 %016llx  sp_el1 %016llx  sp_el2 %016llx\n", record->sp_el0, record->sp_el1,
		   record->sp_el2);
	seq_printf(m, "  el1: esr %08llx far %016llx elr %016llx spsr %08llx\n", record->esr_el1, record->far_el1,
		   record->elr_el1, record->spsr_el1);
	seq_printf(m, "  el2: esr %08llx far %016llx elr %016llx spsr %08llx\n", record->esr_el2, record->far_el2,
		   record->elr_el2, record->spsr_el2);
	seq_printf(m, "  interrupts: pmr %02llx rpr %02llx hppir %llu igrpen %llu isr %llx\n", record->icc_pmr_el1,
		   record->icc_rpr_el1, record->icc_hppir1_el1, record->icc_igrpen1_el1, record->isr_el1);
}

/*
 * Follow frame pointers upwards within one stack. The core may be running on, so that what is there is only believed
 * as far as it leads upwards. Returns the first frame that lies elsewhere.
 */
static u64 dump_stack_part(struct seq_file *m, u64 frame, u64 bottom, u64 top)
{
	u64 link[2];

	while (frame >= bottom && frame <= top - sizeof(link) && IS_ALIGNED(frame, 8) &&
	       !copy_from_kernel_nofault(link, (void *)frame, sizeof(link)) && link[1]) {
		seq_printf(m, "  %pS\n", (void *)strip_signature(link[1]));
		bottom = frame + sizeof(link);
		frame = link[0];
	}
	return frame;
}

/* The stack that the core was on, and its task's if it was in an interrupt */
static void dump_trace(struct seq_file *m, const struct quell_core_record *record)
{
	struct task_struct *task = (struct task_struct *)record->sp_el0;
	u64 sp = quell_record_sp(record);
	u64 top = ALIGN(sp + 1, THREAD_SIZE);
	u64 frame;
	void *stack;

	if (!quell_record_in_kernel(record))
		return;
	seq_printf(m, "  lr %pS\n", (void *)strip_signature(record->x[30]));
	frame = dump_stack_part(m, record->x[29], sp, top);
	if (!get_kernel_nofault(stack, &task->stack) && (u64)stack != top - THREAD_SIZE)
		dump_stack_part(m, frame, (u64)stack, (u64)stack + THREAD_SIZE);
}

void quell_dump_record(struct seq_file *m, const struct quell_core_record *record, bool symbols)
{
	seq_printf(m, "pc=0x%llx pstate=0x%llx %s", record->pc, record->pstate, quell_irq_state(record->pstate));
	if (symbols && quell_record_in_kernel(record))
		seq_printf(m, " %pS", (void *)record->pc);
	seq_putc(m, '\n');
	dump_registers(m, record);
	dump_system_registers(m, record);
	if (symbols)
		dump_trace(m, record);
}
