// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ELF notes with the CPUs' registers that a crash dump has.
 *
 * The kernel fills them for CPUs that listen. It has no exported function that fills one for another CPU, but its
 * sysfs says where they are: the attribute crash_notes of each CPU's device.
 */
#define pr_fmt(fmt) "quell: " fmt

#include <linux/cpu.h>
#include <linux/device.h>
#include <linux/elfcore.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kstrtox.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/threads.h>

#include "quell_stop.h"

/* A note's parts are aligned to 4 bytes only */
struct crash_note {
	struct elf_note header;
	char name[8];
	struct elf_prstatus status;
	/* What ends a CPU's notes */
	struct elf_note end;
} __packed;

static DEFINE_PER_CPU(struct crash_note *, note);

void quell_note_save(unsigned int cpu, const struct pt_regs *regs, pid_t pid)
{
	struct crash_note *to = per_cpu(note, cpu);

	if (!to)
		return;

	memset(to, 0, sizeof(*to));
	strscpy(to->name, "CORE", sizeof(to->name));
	to->header.n_namesz = sizeof("CORE");
	to->header.n_descsz = sizeof(to->status);
	to->header.n_type = NT_PRSTATUS;
	/* gdb tells threads apart by it, and every idle CPU runs process 0: then a number that no process has */
	to->status.common.pr_pid = pid ?: PID_MAX_LIMIT + cpu;
	memcpy(&to->status.pr_reg, &regs->user_regs, sizeof(to->status.pr_reg));
}

static const struct device_attribute *find_attribute(const struct device *device, const char *name)
{
	const struct attribute_group **group;
	struct attribute **attribute;

	for (group = device->groups; group && *group; group++)
		for (attribute = (*group)->attrs; attribute && *attribute; attribute++)
			if (!strcmp((*attribute)->name, name))
				return container_of(*attribute, struct device_attribute, attr);
	return NULL;
}

/* The notes of one CPU, or NULL if the kernel has none. page is for a text. */
static struct crash_note *find_note(unsigned int cpu, char *page)
{
	struct device *device = get_cpu_device(cpu);
	const struct device_attribute *attribute = device ? find_attribute(device, "crash_notes") : NULL;
	u64 address;

	if (!attribute || attribute->show(device, (struct device_attribute *)attribute, page) <= 0 ||
	    kstrtou64(strim(page), 16, &address))
		return NULL;
	return phys_to_virt(address);
}

int quell_note_init(void)
{
	unsigned int cpu;
	char *page = (char *)__get_free_page(GFP_KERNEL);

	if (!page)
		return -ENOMEM;
	for_each_present_cpu(cpu)
		per_cpu(note, cpu) = find_note(cpu, page);
	free_page((unsigned long)page);
	return 0;
}
