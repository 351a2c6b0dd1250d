// SPDX-License-Identifier: MIT OR Apache-2.0

//! The EL3 monitor: everything between reset and the operating system.
//!
//! The way of a core: [`reset`] (flash) copies the image to secure SRAM, turns the MMU on and enters [`boot`] on the first
//! core, which finds out what the machine is and hands over to BL33. All other cores sleep in flash until the first start
//! rings their doorbell. From then on a core is either below EL3 and comes back by the [`vectors`], or in the [`pen`].

#![no_std]
#![no_main]

mod alarm;
mod arch;
mod boot;
mod capture;
mod console;
mod crash;
mod enables;
mod entropy;
mod exception;
mod frame;
mod gic;
mod inject;
mod machine;
mod mem_protect;
mod mitigation;
mod mmu;
mod pen;
mod platform;
mod psci;
mod reset;
mod smc;
mod sysreg;
mod vectors;
mod virtual_interrupts;
mod world;
