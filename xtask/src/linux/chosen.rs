// SPDX-License-Identifier: MIT OR Apache-2.0

//! The node /chosen of the device tree: what is booted, and where it lies in memory.

use std::ops::Range;

use super::tree::cells;

/// A kernel and its userspace.
pub struct Kernel<'a> {
    /// The command line.
    pub bootargs: &'a str,
    /// The addresses of the initramfs.
    pub initramfs: Range<u64>,
}

/// What is booted.
pub enum Chosen<'a> {
    /// Linux.
    Linux(Kernel<'a>),
    /// Xen, with Linux in its first domain.
    Xen {
        /// Xen's command line.
        bootargs: &'a str,
        /// The addresses of the domain's Image, which Xen copies.
        image: Range<u64>,
        /// The domain's kernel.
        dom0: Kernel<'a>,
    },
}

impl Chosen<'_> {
    /// Writes the node's properties and children.
    pub fn source(&self) -> String {
        match self {
            Self::Linux(Kernel { bootargs, initramfs }) => format!(
                "bootargs = \"{bootargs}\";\n\
                 linux,initrd-start = <{}>;\n\
                 linux,initrd-end = <{}>;\n",
                cells(initramfs.start),
                cells(initramfs.end),
            ),
            Self::Xen { bootargs, image, dom0 } => format!(
                "#address-cells = <2>;\n#size-cells = <2>;\n\
                 xen,xen-bootargs = \"{bootargs}\";\n\
                 xen,dom0-bootargs = \"{}\";\n{}{}",
                dom0.bootargs,
                module("kernel", image),
                module("ramdisk", &dom0.initramfs),
            ),
        }
    }
}

/// Writes what Xen calls a boot module (docs/misc/arm/device-tree/booting.txt).
fn module(kind: &str, addresses: &Range<u64>) -> String {
    format!(
        "module@{:x} {{ compatible = \"multiboot,{kind}\", \"multiboot,module\"; reg = <{} {}>; }};\n",
        addresses.start,
        cells(addresses.start),
        cells(addresses.end - addresses.start),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_of_xen_are_named_by_their_addresses() {
        let dom0 = Kernel { bootargs: "console=hvc0", initramfs: 0x100_1000_0000..0x100_1000_0010 };
        let chosen = Chosen::Xen { bootargs: "dom0_mem=512M", image: 0x100_0400_0000..0x100_0500_0000, dom0 };
        let source = chosen.source();
        assert!(source.contains(
            "module@10004000000 { compatible = \"multiboot,kernel\", \"multiboot,module\"; \
             reg = <0x100 0x4000000 0x0 0x1000000>; };"
        ));
        assert!(source.contains("multiboot,ramdisk"));
        assert!(source.contains("xen,dom0-bootargs = \"console=hvc0\";"));
    }
}
