// SPDX-License-Identifier: GPL-2.0-only
/*
 * What there is, for a program: /sys/firmware/quell
 *
 *	version		of the service, as MAJOR.MINOR
 *	cores		how many cores the machine has
 *	last_session	the last stop that a core has a record of, in this kernel or the one before: its generation and
 *			kind, and how many cores ended how; empty if there was none
 */
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "quell_stop.h"

static struct kobject *folder;

static ssize_t version_show(struct kobject *kobject, struct kobj_attribute *attribute, char *to)
{
	struct arm_smccc_res res;

	arm_smccc_1_1_smc(QUELL_FID_VERSION, &res);
	return sysfs_emit(to, "%lu.%lu\n", res.a0 >> 16, res.a0 & 0xffff);
}

static unsigned long number_of_cores(void)
{
	struct arm_smccc_res res;

	arm_smccc_1_1_smc(QUELL_FID_FEATURES, &res);
	return res.a2;
}

static ssize_t cores_show(struct kobject *kobject, struct kobj_attribute *attribute, char *to)
{
	return sysfs_emit(to, "%lu\n", number_of_cores());
}

/* Which session the records are of, and how many cores it has ended in which way */
struct summary {
	u32 generation;
	u64 kind;
	unsigned int by_why[QUELL_WHY_NO_ANSWER + 1];
};

static void add(struct summary *summary, const struct quell_core_record *record)
{
	if (record->why == QUELL_WHY_NONE || record->why >= ARRAY_SIZE(summary->by_why) ||
	    record->generation < summary->generation)
		return;
	if (record->generation > summary->generation)
		*summary = (struct summary){ .generation = record->generation, .kind = record->cookie };
	summary->by_why[record->why]++;
}

static ssize_t last_session_show(struct kobject *kobject, struct kobj_attribute *attribute, char *to)
{
	struct quell_core_record *record = kmalloc(sizeof(*record), GFP_KERNEL);
	unsigned long i, cores = number_of_cores();
	struct summary summary = {};
	struct arm_smccc_res core;

	if (!record)
		return -ENOMEM;
	for (i = 0; i < cores; i++) {
		arm_smccc_1_1_smc(QUELL_FID_CORE_ID, i, &core);
		if (core.a0 == QUELL_SUCCESS && quell_record_read(core.a1, record))
			add(&summary, record);
	}
	kfree(record);
	if (!summary.generation)
		return 0;
	return sysfs_emit(to, "generation=%u kind=%s acked=%u nmi=%u suspended=%u lost=%u\n", summary.generation,
			  quell_kind_name(summary.kind), summary.by_why[QUELL_WHY_ACK],
			  summary.by_why[QUELL_WHY_NMI], summary.by_why[QUELL_WHY_SUSPENDED],
			  summary.by_why[QUELL_WHY_LOST]);
}

static struct kobj_attribute version = __ATTR_RO(version);
static struct kobj_attribute cores = __ATTR_RO(cores);
static struct kobj_attribute last_session = __ATTR_RO(last_session);

static struct attribute *attributes[] = {
	&version.attr,
	&cores.attr,
	&last_session.attr,
	NULL,
};

static const struct attribute_group group = {
	.attrs = attributes,
};

int quell_sysfs_init(void)
{
	int err;

	folder = kobject_create_and_add("quell", firmware_kobj);
	if (!folder)
		return -ENOMEM;
	err = sysfs_create_group(folder, &group);
	if (err)
		kobject_put(folder);
	return err;
}

void quell_sysfs_exit(void)
{
	sysfs_remove_group(folder, &group);
	kobject_put(folder);
}
