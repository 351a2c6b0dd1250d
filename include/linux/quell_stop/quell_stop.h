/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stop the other CPUs through the firmware's coordinated stop service.
 *
 *	main.c		finds the service
 *	hook.c		puts it before the kernel's own stop functions
 *	cpus.c		which CPU is which core, and which of them the kernel may still call
 *	session.c	one stop: BEGIN, ask the members, POLL
 *	orderly.c	an orderly reboot, power-off or kexec, with a CPU that does not listen
 *	tasks.c		the tasks that wait for a CPU which is gone
 *	record.c	what a core was doing, as the firmware has recorded it
 *	note.c		the same for a crash dump: its ELF notes
 *	report.c	what became of each CPU, in words
 *	timeline.c	when it did, for a program to draw
 *	sysfs.c		what there is, as files
 *	debugfs.c	snapshots of running CPUs, and the records, as files
 *	dump.c		a record as a text
 */
#ifndef QUELL_STOP_H
#define QUELL_STOP_H

#include <linux/arm-smccc.h>
#include <linux/ptrace.h>
#include <linux/types.h>

#include <asm/cputype.h>

#include <quell_abi.h>

struct seq_file;

/* hook.c */
int quell_hook_init(void);
void quell_hook_exit(void);

/* cpus.c: learns the CPUs' MPIDRs, as they are and as they come */
int quell_cpus_init(void);
void quell_cpus_exit(void);
/* INVALID_HWID if it has never been online since. */
u64 quell_cpu_mpidr(unsigned int cpu);
/* As if the CPU had taken itself down: nobody waits for it or calls it again. */
void quell_cpu_gone(unsigned int cpu);
/* RCU does not wait for the CPU any more. Only for one that is off, of a kernel that goes on. */
void quell_cpu_idle_for_rcu(unsigned int cpu);

/* session.c */
int quell_session_init(void);
void quell_session_exit(void);
/*
 * Stop every other CPU. True if the firmware took the job, whatever came of it; false if it refused and
 * nothing has changed. IRQs are off. Takes no lock, allocates nothing and ends in bounded time.
 */
bool quell_stop_others(unsigned long kind);

/* orderly.c */
int quell_orderly_init(void);
void quell_orderly_exit(void);

/* tasks.c: let others run the tasks that wait for this CPU, which is off; returns how many. May sleep. */
unsigned int quell_tasks_move(unsigned int cpu);

/* record.c: where READ writes to must be from kmalloc(). */
bool quell_record_read(u64 mpidr, struct quell_core_record *record);
void quell_record_regs(const struct quell_core_record *record, struct pt_regs *regs);
u64 quell_record_sp(const struct quell_core_record *record);
/* Whether the core was in the kernel: not in a program, nor in a virtual machine. */
bool quell_record_in_kernel(const struct quell_core_record *record);
/* Process that the core was running, 0 if it can not be told. */
pid_t quell_record_pid(const struct quell_core_record *record);

/* note.c: finds where the kernel has the ELF notes of the CPUs, if it can make a crash dump at all */
int quell_note_init(void);
/* Fill the CPU's note. Any context. */
void quell_note_save(unsigned int cpu, const struct pt_regs *regs, pid_t pid);

/* sysfs.c */
int quell_sysfs_init(void);
void quell_sysfs_exit(void);

/* debugfs.c */
int quell_debugfs_init(void);
void quell_debugfs_exit(void);

/* dump.c: print a record, with symbols if it is of this kernel */
void quell_dump_record(struct seq_file *m, const struct quell_core_record *record, bool symbols);

/* report.c */
const char *quell_why_name(u8 why);
const char *quell_kind_name(u64 kind);
const char *quell_irq_state(u64 pstate);
/* Print how one CPU ended. status is of STATUS; record if the firmware has its registers. */
void quell_report_cpu(unsigned int cpu, const struct arm_smccc_res *status, const struct quell_core_record *record);
/* Print where a CPU was that was stopped alone, while the others go on. Not from interrupts. */
void quell_report_evicted(unsigned int cpu, const struct quell_core_record *record);
/* Print the sums. progress is x1 of POLL. */
void quell_report_sum(unsigned long kind, unsigned long targets, u64 progress);

/* The owner's side of one stop, in ticks of the system counter. */
struct quell_times {
	u64 begin;	/* before BEGIN */
	u64 ask;	/* before the members were asked */
	u64 done;	/* after the last POLL */
};

/*
 * timeline.c: print what a program needs to draw the stop: the owner's times, and those of one CPU. Only if the
 * parameter timeline is set: with many CPUs it is a lot of lines for a serial console.
 */
void quell_timeline_owner(u64 mpidr, const struct quell_times *times);
void quell_timeline_cpu(unsigned int cpu, u64 mpidr, const struct arm_smccc_res *status);

static inline u8 quell_status_state(const struct arm_smccc_res *status)
{
	return status->a1 & 0xff;
}

static inline u8 quell_status_why(const struct arm_smccc_res *status)
{
	return status->a1 >> 8 & 0xff;
}

static inline u64 quell_own_mpidr(void)
{
	return read_cpuid_mpidr() & MPIDR_HWID_BITMASK;
}

#endif /* QUELL_STOP_H */
