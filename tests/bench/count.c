// SPDX-License-Identifier: MIT OR Apache-2.0

/*
 * A plugin of QEMU's (TCG) that counts the instructions of the firmware, for each core by itself.
 *
 * Counted is every instruction that a core executes in one of the ranges of addresses given as arguments: where the
 * secure world's code lies, which runs where it is mapped one to one. Each instruction counts by itself, not each block
 * of them, so that a block that an exception leaves early counts as far as it came.
 *
 * What is not in these ranges is the payload, and it says where an operation begins and ends by hints that no core has
 * a meaning for, so that they do nothing: HINT #(64 + 2 * OP) begins operation OP, HINT #(65 + 2 * OP) ends it. At each of
 * them a line is written:
 *
 *     mark CORE HINT COUNT FIRST LAST ALL
 *
 * COUNT is what the core has executed so far; FIRST and LAST are what it had executed at the first sleep (WFI, WFE, and
 * their likes with a time-out) in the firmware since the last mark of a beginning on this core, and at the latest, that
 * instruction included; FIRST is 0 if there was none. ALL is the sum of COUNT over all cores. A WFE that follows an SEV or
 * SEVL of the same core is no sleep: locks are taken that way.
 *
 * The line `boot CORE COUNT` comes when the first core has left the firmware for the first time.
 *
 * Arguments: el3=START-END (hexadecimal, END excluded; several times), out=FILE.
 *
 * The cores must take turns on one thread of QEMU's (-icount): nothing here is locked. QEMU 10 then gives every callback the
 * number of the core that was the first to come to a block, so which core it is is read from VMPIDR_EL2, which the firmware
 * leaves as it is at reset, MPIDR_EL1: CORE is Aff1 and Aff0 of it.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* What of QEMU's plugin interface is used, as it is from version 3 to version 5, and of glib's. */

#define EXPORT __attribute__((visibility("default")))

typedef struct {
	char *data;
	unsigned int length;
} GArray;

typedef struct {
	uint8_t *data;
	unsigned int length;
} GByteArray;

GByteArray *g_byte_array_new(void);
GByteArray *g_byte_array_set_size(GByteArray *array, unsigned int length);
char *g_array_free(GArray *array, int free_segment);

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_register;

typedef struct {
	struct qemu_plugin_register *handle;
	const char *name;
	const char *feature;
} qemu_plugin_reg_descriptor;

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_CB_R_REGS };

typedef void (*core_initialised)(qemu_plugin_id_t id, unsigned int number);
typedef void (*block_translated)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*code_executed)(unsigned int number, void *data);
typedef void (*qemu_exits)(qemu_plugin_id_t id, void *data);

void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t id, core_initialised callback);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, block_translated callback);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, qemu_exits callback, void *data);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, code_executed callback,
					  enum qemu_plugin_cb_flags flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, code_executed callback,
					    enum qemu_plugin_cb_flags flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t length);
GArray *qemu_plugin_get_registers(void);
int qemu_plugin_read_register(struct qemu_plugin_register *handle, GByteArray *to);

EXPORT int qemu_plugin_version = 3;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

/* The plugin. */

struct core {
	uint64_t count;
	uint64_t first_sleep;
	uint64_t last_sleep;
	bool has_event;
};

struct range {
	uint64_t start;
	uint64_t end;
};

#define MAX_RANGES 4
#define FIRST_MARK 64

static struct range ranges[MAX_RANGES];
static size_t range_count;
static FILE *out;
static bool has_booted;

/* By Aff1 and Aff0. */
static struct core cores[1 << 16];
/* The one that executes a block of the firmware. */
static struct core *current;
static uint64_t all;

static struct qemu_plugin_register *vmpidr;
static GByteArray *value;

static bool is_counted(uint64_t address)
{
	for (size_t i = 0; i < range_count; i++)
		if (ranges[i].start <= address && address < ranges[i].end)
			return true;
	return false;
}

/* Returns the number of a HINT, or -1. */
static int hint_of(uint32_t word)
{
	return (word & 0xfffff01f) == 0xd503201f ? (int)(word >> 5 & 0x7f) : -1;
}

#define HINT_WFE 2
#define HINT_WFI 3
#define HINT_SEV 4
#define HINT_SEVL 5

static bool is_wfi(uint32_t word)
{
	/* The other one is WFIT. */
	return hint_of(word) == HINT_WFI || (word & 0xffffffe0) == 0xd5031020;
}

static bool is_wfe(uint32_t word)
{
	/* The other one is WFET. */
	return hint_of(word) == HINT_WFE || (word & 0xffffffe0) == 0xd5031000;
}

static bool is_event(uint32_t word)
{
	return hint_of(word) == HINT_SEV || hint_of(word) == HINT_SEVL;
}

/* Returns the core that executes what calls back. */
static struct core *find_core(void)
{
	uint64_t affinity = 0;

	g_byte_array_set_size(value, 0);
	if (qemu_plugin_read_register(vmpidr, value) == sizeof(affinity))
		memcpy(&affinity, value->data, sizeof(affinity));
	return &cores[affinity & 0xffff];
}

static void on_block(unsigned int number, void *data)
{
	(void)number, (void)data;
	current = find_core();
}

static void on_counted(unsigned int number, void *data)
{
	(void)number, (void)data;
	current->count++;
	all++;
}

static void on_counted_event(unsigned int number, void *data)
{
	on_counted(number, data);
	current->has_event = true;
}

static void on_counted_wfi(unsigned int number, void *data)
{
	on_counted(number, data);
	current->last_sleep = current->count;
	if (current->first_sleep == 0)
		current->first_sleep = current->count;
}

static void on_counted_wfe(unsigned int number, void *data)
{
	if (!current->has_event) {
		on_counted_wfi(number, data);
		return;
	}
	on_counted(number, data);
	current->has_event = false;
}

/* Returns what is to be called at an instruction of the firmware. */
static code_executed counter_of(uint32_t word)
{
	if (is_wfi(word))
		return on_counted_wfi;
	if (is_wfe(word))
		return on_counted_wfe;
	return is_event(word) ? on_counted_event : on_counted;
}

static void on_mark(unsigned int number, void *data)
{
	struct core *core = find_core();
	uintptr_t hint = (uintptr_t)data;

	(void)number;
	fprintf(out, "mark %td %" PRIuPTR " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", core - cores, hint,
		core->count, core->first_sleep, core->last_sleep, all);
	if (hint % 2 == 0)
		core->first_sleep = 0;
}

static void on_payload(unsigned int number, void *data)
{
	struct core *core = find_core();

	(void)number, (void)data;
	if (!has_booted)
		fprintf(out, "boot %td %" PRIu64 "\n", core - cores, core->count);
	has_booted = true;
}

static void on_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);
	bool is_firmware = is_counted(qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0)));

	(void)id;
	if (is_firmware)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_R_REGS, NULL);
	else if (!has_booted)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_payload, QEMU_PLUGIN_CB_R_REGS, NULL);
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t word = 0;
		int hint;

		qemu_plugin_insn_data(insn, &word, sizeof(word));
		hint = hint_of(word);
		if (is_firmware)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, counter_of(word), QEMU_PLUGIN_CB_NO_REGS, NULL);
		else if (hint >= FIRST_MARK)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, QEMU_PLUGIN_CB_R_REGS,
							       (void *)(uintptr_t)hint);
	}
}

static void on_core(qemu_plugin_id_t id, unsigned int number)
{
	GArray *registers;

	(void)id, (void)number;
	if (vmpidr != NULL)
		return;
	registers = qemu_plugin_get_registers();
	for (unsigned int i = 0; i < registers->length; i++) {
		qemu_plugin_reg_descriptor *descriptor = (qemu_plugin_reg_descriptor *)registers->data + i;

		if (strcmp(descriptor->name, "VMPIDR_EL2") == 0)
			vmpidr = descriptor->handle;
	}
	g_array_free(registers, 1);
	if (vmpidr == NULL)
		fprintf(stderr, "count: QEMU does not show VMPIDR_EL2\n");
}

static void on_end(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	fclose(out);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		struct range *range = &ranges[range_count];

		if (range_count < MAX_RANGES &&
		    sscanf(argv[i], "el3=%" SCNx64 "-%" SCNx64, &range->start, &range->end) == 2) {
			range_count++;
		} else if (strncmp(argv[i], "out=", 4) == 0 && out == NULL) {
			out = fopen(argv[i] + 4, "w");
		} else {
			fprintf(stderr, "count: no argument of this plugin: %s\n", argv[i]);
			return -1;
		}
	}
	if (range_count == 0 || out == NULL) {
		fprintf(stderr, "count: needs el3=START-END and out=FILE\n");
		return -1;
	}
	value = g_byte_array_new();
	qemu_plugin_register_vcpu_init_cb(id, on_core);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
	qemu_plugin_register_atexit_cb(id, on_end, NULL);
	return 0;
}
