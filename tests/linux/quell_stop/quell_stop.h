/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stop the other CPUs through the firmware's coordinated stop service.
 *
 *	hook.c		finds the service and puts itself before the kernel's own stop functions
 *	session.c	one stop: BEGIN, ask the members, POLL
 *	report.c	what became of each CPU
 *	timeline.c	when it did, for a program to draw
 */
#ifndef QUELL_STOP_H
#define QUELL_STOP_H

#include <linux/arm-smccc.h>
#include <linux/types.h>

#include <quell_abi.h>

/*
 * Stop every other CPU. True if the firmware took the job, whatever came of it; false if it refused and
 * nothing has changed. IRQs are off. Takes no lock, allocates nothing and ends in bounded time.
 */
bool quell_stop_others(unsigned long kind);

/* Learn the CPUs' MPIDRs, as they are and as they come; allocate what a stop needs. */
int quell_session_init(void);
void quell_session_exit(void);

/* The core record that READ fills: physically contiguous and in the linear map. */
int quell_report_init(void);
void quell_report_exit(void);

/* Print how one CPU ended. status is the result of STATUS for mpidr. */
void quell_report_cpu(unsigned int cpu, u64 mpidr, const struct arm_smccc_res *status);

/* The owner's side of one stop, in ticks of the system counter. */
struct quell_times {
	u64 begin;	/* before BEGIN */
	u64 ask;	/* before the members were asked */
	u64 done;	/* after the last POLL */
};

/*
 * Print what a program needs to draw the stop: the owner's times, and those of one CPU. Only if the parameter
 * timeline is set: with many CPUs it is a lot of lines for a serial console.
 */
void quell_timeline_owner(u64 mpidr, const struct quell_times *times);
void quell_timeline_cpu(unsigned int cpu, u64 mpidr, const struct arm_smccc_res *status);

/* Print the sums. progress is x1 of POLL. */
void quell_report_sum(unsigned long kind, unsigned long targets, u64 progress);

static inline u8 quell_status_state(const struct arm_smccc_res *status)
{
	return status->a1 & 0xff;
}

static inline u8 quell_status_why(const struct arm_smccc_res *status)
{
	return status->a1 >> 8 & 0xff;
}

#endif /* QUELL_STOP_H */
