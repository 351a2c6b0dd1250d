// SPDX-License-Identifier: GPL-2.0-only
/*
 * What cores do and did, for a person: the files in the folder quell of debugfs.
 *
 *	snapshot	write a CPU's number, or "all": the firmware captures what they are doing, they go on, and reading
 *			the file shows it. It works on CPUs that have interrupts masked, too.
 *	records		what each core was doing when it was stopped last: in a crash kernel, by the one that crashed
 */
#define pr_fmt(fmt) "quell: " fmt

#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include <asm/arch_timer.h>

#include "quell_stop.h"

/* How long a CPU may take; the one that asks waits in the firmware */
#define SNAPSHOT_US	100000

static struct dentry *folder;

/* All below; nobody who holds it is waited for in a stop */
static DEFINE_MUTEX(lock);
/* Where READ writes to */
static struct quell_core_record *buffer;
/* The last snapshot: its records by CPU, which CPUs it was about, and which were captured */
static struct quell_core_record *records;
static cpumask_t asked, captured;

static void collect(unsigned int cpu, u64 since)
{
	if (quell_record_read(quell_cpu_mpidr(cpu), buffer) && buffer->stopped >= since) {
		records[cpu] = *buffer;
		cpumask_set_cpu(cpu, &captured);
	}
}

/* Take a snapshot of the CPUs that are asked, of which target is the MPIDR, or all of them */
static int take_snapshot(u64 target)
{
	struct arm_smccc_res res;
	unsigned int cpu;
	u64 since;

	/* The caller does not move: it is none of those that are captured, and may not ask for itself */
	cpu = get_cpu();
	since = __arch_counter_get_cntpct();
	arm_smccc_1_1_smc(QUELL_FID_SNAPSHOT, target, SNAPSHOT_US, &res);
	put_cpu();

	if ((int)res.a0 == QUELL_BUSY)
		return -EBUSY;
	if ((long)res.a0 < 0)
		return -EINVAL;
	cpumask_clear_cpu(cpu, &asked);
	for_each_cpu(cpu, &asked)
		collect(cpu, since);
	return 0;
}

static int snapshot_of(char *what)
{
	unsigned int cpu;

	cpumask_clear(&captured);
	if (!strcmp(what, "all")) {
		cpumask_copy(&asked, cpu_online_mask);
		return take_snapshot(QUELL_ALL_CORES);
	}
	cpumask_clear(&asked);
	if (kstrtouint(what, 10, &cpu) || cpu >= nr_cpu_ids || quell_cpu_mpidr(cpu) == INVALID_HWID)
		return -EINVAL;
	cpumask_set_cpu(cpu, &asked);
	return take_snapshot(quell_cpu_mpidr(cpu));
}

static ssize_t snapshot_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	char what[16] = {};
	int err;

	if (count >= sizeof(what))
		return -EINVAL;
	if (copy_from_user(what, from, count))
		return -EFAULT;

	mutex_lock(&lock);
	err = snapshot_of(strim(what));
	if (err)
		cpumask_clear(&asked);
	mutex_unlock(&lock);
	return err ?: count;
}

static int snapshot_show(struct seq_file *m, void *unused)
{
	unsigned int cpu;

	mutex_lock(&lock);
	for_each_cpu(cpu, &asked) {
		seq_printf(m, "cpu%u ", cpu);
		if (cpumask_test_cpu(cpu, &captured))
			quell_dump_record(m, &records[cpu], true);
		else
			seq_puts(m, "asleep or without an answer\n");
	}
	mutex_unlock(&lock);
	return 0;
}

static int snapshot_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, snapshot_show, NULL, PAGE_SIZE * num_possible_cpus());
}

static const struct file_operations snapshot_fops = {
	.owner = THIS_MODULE,
	.open = snapshot_open,
	.read = seq_read,
	.write = snapshot_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int records_show(struct seq_file *m, void *unused)
{
	unsigned int cpu;

	mutex_lock(&lock);
	for_each_possible_cpu(cpu) {
		u64 mpidr = quell_cpu_mpidr(cpu);

		/* Not that of a snapshot: the kernel that it is of may be another one, so there are no symbols */
		if (mpidr == INVALID_HWID || !quell_record_read(mpidr, buffer) || buffer->why == QUELL_WHY_NONE)
			continue;
		seq_printf(m, "cpu%u mpidr=0x%llx generation=%u %s ", cpu, mpidr, buffer->generation,
			   quell_why_name(buffer->why));
		quell_dump_record(m, buffer, false);
	}
	mutex_unlock(&lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(records);

int quell_debugfs_init(void)
{
	buffer = kmalloc(sizeof(*buffer), GFP_KERNEL);
	records = vcalloc(nr_cpu_ids, sizeof(*records));
	if (!buffer || !records) {
		quell_debugfs_exit();
		return -ENOMEM;
	}

	/* A kernel without debugfs is none that we could not serve */
	folder = debugfs_create_dir("quell", NULL);
	debugfs_create_file("snapshot", 0600, folder, NULL, &snapshot_fops);
	debugfs_create_file("records", 0400, folder, NULL, &records_fops);
	return 0;
}

void quell_debugfs_exit(void)
{
	debugfs_remove(folder);
	vfree(records);
	kfree(buffer);
}
