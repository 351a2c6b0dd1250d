// SPDX-License-Identifier: GPL-2.0-only
/*
 * Find the firmware's coordinated stop service, and use it if it is there.
 */
#define pr_fmt(fmt) "quell: " fmt

#include <linux/module.h>
#include <linux/printk.h>

#include "quell_stop.h"

#define NEEDED_CALLS (BIT(QUELL_FID_BEGIN & 0xff) | BIT(QUELL_FID_POLL & 0xff) | BIT(QUELL_FID_ACK & 0xff) | \
		      BIT(QUELL_FID_RELEASE & 0xff) | BIT(QUELL_FID_STATUS & 0xff) | BIT(QUELL_FID_READ & 0xff) | \
		      BIT(QUELL_FID_SNAPSHOT & 0xff) | BIT(QUELL_FID_EVICT & 0xff))
#define NEEDED_KINDS (BIT(QUELL_KIND_HALT) | BIT(QUELL_KIND_KEXEC) | BIT(QUELL_KIND_CRASH))
#define NEEDED_FEATURES (NEEDED_CALLS | NEEDED_KINDS << QUELL_FEATURE_KIND_SHIFT)

static bool service_present(void)
{
	struct arm_smccc_res res;

	/* The service is EL3's: a hypervisor's HVC does not reach it */
	if (arm_smccc_1_1_get_conduit() != SMCCC_CONDUIT_SMC)
		return false;

	arm_smccc_1_1_smc(QUELL_FID_UID, &res);
	if (lower_32_bits(res.a0) != QUELL_UID_0 || lower_32_bits(res.a1) != QUELL_UID_1 ||
	    lower_32_bits(res.a2) != QUELL_UID_2 || lower_32_bits(res.a3) != QUELL_UID_3)
		return false;

	/* Same major version, and ours or a later minor one */
	arm_smccc_1_1_smc(QUELL_FID_VERSION, &res);
	if (res.a0 >> 16 != QUELL_VERSION >> 16 || res.a0 < QUELL_VERSION)
		return false;

	arm_smccc_1_1_smc(QUELL_FID_FEATURES, &res);
	return res.a0 == QUELL_SUCCESS && (res.a1 & NEEDED_FEATURES) == NEEDED_FEATURES &&
	       res.a3 == sizeof(struct quell_core_record);
}

static int __init quell_stop_init(void)
{
	int err;

	if (!service_present()) {
		pr_err("this machine's firmware has no coordinated stop service 1.0\n");
		return -ENODEV;
	}

	err = quell_note_init();
	if (err)
		return err;
	err = quell_cpus_init();
	if (err)
		return err;
	err = quell_session_init();
	if (err)
		goto no_session;
	err = quell_debugfs_init();
	if (err)
		goto no_debugfs;
	err = quell_sysfs_init();
	if (err)
		goto no_sysfs;
	err = quell_hook_init();
	if (err)
		goto no_hook;
	err = quell_orderly_init();
	if (err)
		goto no_orderly;

	pr_info("the firmware stops the other CPUs\n");
	return 0;

no_orderly:
	quell_hook_exit();
no_hook:
	quell_sysfs_exit();
no_sysfs:
	quell_debugfs_exit();
no_debugfs:
	quell_session_exit();
no_session:
	quell_cpus_exit();
	return err;
}

static void __exit quell_stop_exit(void)
{
	quell_orderly_exit();
	quell_hook_exit();
	quell_sysfs_exit();
	quell_debugfs_exit();
	quell_session_exit();
	quell_cpus_exit();
}

module_init(quell_stop_init);
module_exit(quell_stop_exit);

MODULE_DESCRIPTION("Stop CPUs through the firmware's coordinated stop service");
MODULE_LICENSE("GPL");
