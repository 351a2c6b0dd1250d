// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tasks that wait for a CPU which is gone, while the kernel goes on.
 *
 * One that sleeps is woken on another CPU, since this one is not active any more. One that is ready to run stays in its
 * queue for ever, and so does one whose wake-up was left to this CPU. Who waits for them (as a reboot does for the
 * thread that prints to the console) waits for ever, too.
 */
#include <linux/cpumask.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "quell_stop.h"

/* More are not moved: a kernel that is about to end has few */
#define MOVES_MAX 4096

static bool is_waking(struct task_struct *task)
{
	return READ_ONCE(task->__state) == TASK_WAKING;
}

/* Ready to run or about to be, not the one that runs, and not there for the sake of this CPU */
static bool waits_for(struct task_struct *task, unsigned int cpu)
{
	return task_cpu(task) == cpu && (READ_ONCE(task->on_rq) || is_waking(task)) && !READ_ONCE(task->on_cpu) &&
	       task->nr_cpus_allowed > 1;
}

static struct task_struct *get_waiting_task(unsigned int cpu)
{
	struct task_struct *process, *task;

	rcu_read_lock();
	for_each_process_thread(process, task)
		if (waits_for(task, cpu)) {
			get_task_struct(task);
			rcu_read_unlock();
			return task;
		}
	rcu_read_unlock();
	return NULL;
}

/* The wake-up is in a list that only the CPU which is gone would look at: begin again, on another one */
static void wake_again(struct task_struct *task)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&task->pi_lock, flags);
	if (is_waking(task))
		WRITE_ONCE(task->__state, TASK_UNINTERRUPTIBLE);
	raw_spin_unlock_irqrestore(&task->pi_lock, flags);
	wake_up_process(task);
}

static int move(struct task_struct *task)
{
	static cpumask_t allowed;

	if (is_waking(task)) {
		wake_again(task);
		return 0;
	}
	if (!cpumask_and(&allowed, &task->cpus_mask, cpu_online_mask))
		cpumask_copy(&allowed, cpu_online_mask);
	return set_cpus_allowed_ptr(task, &allowed);
}

unsigned int quell_tasks_move(unsigned int cpu)
{
	struct task_struct *task;
	unsigned int moved = 0;
	int err = 0;

	while (!err && moved < MOVES_MAX && (task = get_waiting_task(cpu))) {
		err = move(task);
		put_task_struct(task);
		moved += !err;
	}
	return moved;
}
