// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tasks that wait for a CPU which is gone, while the kernel goes on.
 *
 * One that sleeps is woken on another CPU, since this one is not active any more. One that is ready to run stays in its
 * queue for ever, and who waits for it (as a reboot does for the thread that prints to the console) does so too.
 */
#include <linux/cpumask.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "quell_stop.h"

/* More are not moved: a kernel that is about to end has few */
#define MOVES_MAX 4096

/* Ready to run, not the one that runs, and not there for the sake of this CPU */
static bool waits_for(struct task_struct *task, unsigned int cpu)
{
	return task_cpu(task) == cpu && READ_ONCE(task->on_rq) && !READ_ONCE(task->on_cpu) &&
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

unsigned int quell_tasks_move(unsigned int cpu)
{
	static cpumask_t allowed;
	struct task_struct *task;
	unsigned int moved = 0;
	int err = 0;

	while (!err && moved < MOVES_MAX && (task = get_waiting_task(cpu))) {
		if (!cpumask_and(&allowed, &task->cpus_mask, cpu_online_mask))
			cpumask_copy(&allowed, cpu_online_mask);
		err = set_cpus_allowed_ptr(task, &allowed);
		put_task_struct(task);
		moved += !err;
	}
	return moved;
}
