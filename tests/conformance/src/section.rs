// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where things are specified: Arm's PSCI 1.3 (DEN 0022 F.b), SMCCC (DEN 0028), TRNG (DEN 0098), SDEI (DEN 0054), the
//! architecture (DDI 0487) and the GIC's (IHI 0069); `docs/stop-abi.md` and `docs/psci.md` here.

/// Names sections.
macro_rules! sections {
    ($($name:ident = $text:literal;)+) => {
        $(
            #[doc = $text]
            pub const $name: &str = $text;
        )+
    };
}

sections! {
    CONDUIT = "PSCI 3.4, conduits";
    MODES = "PSCI 4.2, power state coordination";
    PSCI_VERSION = "PSCI 5.3, PSCI_VERSION";
    CPU_SUSPEND = "PSCI 5.4, CPU_SUSPEND";
    CPU_OFF = "PSCI 5.5, CPU_OFF";
    CPU_ON = "PSCI 5.6, CPU_ON";
    AFFINITY_INFO = "PSCI 5.7, AFFINITY_INFO";
    MIGRATE = "PSCI 5.8, MIGRATE";
    MIGRATE_INFO = "PSCI 5.9, MIGRATE_INFO_TYPE and MIGRATE_INFO_UP_CPU";
    SYSTEM_OFF = "PSCI 5.10, SYSTEM_OFF";
    SYSTEM_OFF2 = "PSCI 5.11, SYSTEM_OFF2";
    SYSTEM_RESET = "PSCI 5.12, SYSTEM_RESET";
    SYSTEM_RESET2 = "PSCI 5.13, SYSTEM_RESET2";
    MEM_PROTECT = "PSCI 5.14, MEM_PROTECT";
    MEM_PROTECT_CHECK_RANGE = "PSCI 5.15, MEM_PROTECT_CHECK_RANGE";
    PSCI_FEATURES = "PSCI 5.16, PSCI_FEATURES";
    CPU_FREEZE = "PSCI 5.17, CPU_FREEZE";
    CPU_DEFAULT_SUSPEND = "PSCI 5.18, CPU_DEFAULT_SUSPEND";
    NODE_HW_STATE = "PSCI 5.19, NODE_HW_STATE";
    SYSTEM_SUSPEND = "PSCI 5.20, SYSTEM_SUSPEND";
    SET_SUSPEND_MODE = "PSCI 5.21, PSCI_SET_SUSPEND_MODE";
    STAT = "PSCI 5.22, PSCI_STAT_RESIDENCY/COUNT";
    ENTRY_STATE = "PSCI 6.4, initial state after CPU_ON, CPU_SUSPEND";
    CPU_ON_RACES = "PSCI 6.6, CPU_ON/CPU_OFF races";
    CONTEXT = "PSCI 6.8, preserving the execution context";

    SMCCC_IDENTIFIER = "SMCCC, function identifiers";
    SMCCC_REGISTERS = "SMCCC, register use";
    SMCCC_UNKNOWN = "SMCCC, unknown function identifiers";
    SMCCC_VERSION = "SMCCC, SMCCC_VERSION";
    SMCCC_ARCH_FEATURES = "SMCCC, SMCCC_ARCH_FEATURES";
    SMCCC_ARCH_SOC_ID = "SMCCC, SMCCC_ARCH_SOC_ID";
    SMCCC_WORKAROUNDS = "SMCCC, SMCCC_ARCH_WORKAROUND_1 to 4";
    SMCCC_FEATURE_AVAILABILITY = "SMCCC, SMCCC_ARCH_FEATURE_AVAILABILITY";

    TRNG_CALLS = "TRNG, calls";
    TRNG_VERSION = "TRNG, TRNG_VERSION";
    TRNG_FEATURES = "TRNG, TRNG_FEATURES";
    TRNG_GET_UUID = "TRNG, TRNG_GET_UUID";
    TRNG_RND = "TRNG, TRNG_RND";

    SDEI_VERSION = "SDEI, SDEI_VERSION";
    SDEI_EVENT = "SDEI, SDEI_EVENT_REGISTER, ENABLE, DISABLE, UNREGISTER, STATUS";
    SDEI_EVENT_GET_INFO = "SDEI, SDEI_EVENT_GET_INFO";
    SDEI_EVENT_SIGNAL = "SDEI, SDEI_EVENT_SIGNAL";
    SDEI_INTERRUPT = "SDEI, SDEI_INTERRUPT_BIND and RELEASE";
    SDEI_PE_MASK = "SDEI, SDEI_PE_MASK and UNMASK";
    SDEI_RESET = "SDEI, SDEI_PRIVATE_RESET and SHARED_RESET";
    SDEI_CALLS = "SDEI, calls";

    EL3_ENABLES = "Architecture, traps and enables of EL3";
    EL3_REGISTERS = "Architecture, registers and exceptions of EL3";
    SECURE_MEMORY = "Architecture, physical address spaces";
    GIC_GROUPS = "GIC, interrupt grouping and security";

    PLATFORM = "docs/psci.md, silicon provider";
    STOP_CALLS = "docs/stop-abi.md 2, calls";
    STOP_SESSION = "docs/stop-abi.md 3, a session";
    STOP_RECORD = "docs/stop-abi.md 4, core record";

    EVENTS = "docs/conformance.md, events";
}
