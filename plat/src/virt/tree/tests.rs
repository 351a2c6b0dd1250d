// SPDX-License-Identifier: MIT OR Apache-2.0

use vm_fdt::FdtWriter;

use super::*;

const GICD: u64 = 0x0800_0000;
const GICR: u64 = 0x080a_0000;
const INTC: [u64; 4] = [GICD, 0x1_0000, GICR, 0xf6_0000];

/// What the tests vary of a tree.
struct Tree {
    cores: Vec<u32>,
    memory: Vec<(u64, u64)>,
    intc: Vec<u64>,
    /// What else a node has before its `reg`: its name, and another `reg`.
    extra: Option<(&'static str, Vec<u8>)>,
}

impl Tree {
    /// Returns the tree that QEMU makes for this many cores and 1 GiB.
    fn new(cores: usize) -> Self {
        Self {
            cores: (0..cores).map(|index| Virt::affinity_of(index) as u32).collect(),
            memory: vec![(DRAM, 1 << 30)],
            intc: INTC.to_vec(),
            extra: None,
        }
    }

    fn blob(&self) -> Vec<u8> {
        let mut fdt = FdtWriter::new().unwrap();
        let root = fdt.begin_node("").unwrap();
        fdt.property_u32("#size-cells", 2).unwrap();
        fdt.property_u32("#address-cells", 2).unwrap();
        for (start, size) in &self.memory {
            self.node(&mut fdt, &format!("memory@{start:x}"), &bytes(&[*start, *size]));
        }
        // The secure world's: not RAM of the description.
        self.node(&mut fdt, "secram@e000000", &bytes(&[0x0e00_0000, 0x0100_0000]));
        self.node(&mut fdt, "intc@8000000", &bytes(&self.intc));
        let cpus = fdt.begin_node("cpus").unwrap();
        fdt.property_u32("#size-cells", 0).unwrap();
        fdt.property_u32("#address-cells", 1).unwrap();
        let map = fdt.begin_node("cpu-map").unwrap();
        fdt.end_node(map).unwrap();
        for (number, mpidr) in self.cores.iter().enumerate() {
            self.node(&mut fdt, &format!("cpu@{number}"), &mpidr.to_be_bytes());
        }
        fdt.end_node(cpus).unwrap();
        fdt.end_node(root).unwrap();
        fdt.finish().unwrap()
    }

    fn node(&self, fdt: &mut FdtWriter, name: &str, reg: &[u8]) {
        let node = fdt.begin_node(name).unwrap();
        // The first of two properties of one name is the one that is found.
        if let Some((_, value)) = self.extra.as_ref().filter(|(to, _)| *to == name) {
            fdt.property("reg", value).unwrap();
        }
        fdt.property("reg", reg).unwrap();
        fdt.end_node(node).unwrap();
    }

    fn describe(&self) -> Result<Description, BadTree> {
        describe(&self.blob())
    }
}

fn bytes(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

#[test]
fn cores_gic_and_memory_are_found() {
    for cores in [1, 4, 16, 17, 123] {
        let description = Tree::new(cores).describe().unwrap();
        let memory = DRAM..DRAM + (1 << 30);
        assert_eq!(description, Description { cores, gicd: GICD, gicr: GICR, memory });
    }
}

#[test]
fn bytes_behind_the_tree_are_not_read() {
    let mut bytes = Tree::new(2).blob();
    bytes.resize(Virt::DEVICE_TREE_SIZE, 0xff);
    assert_eq!(describe(&bytes).unwrap().cores, 2);
}

#[test]
fn cores_that_there_can_not_be_are_refused() {
    assert_eq!(Tree::new(0).describe(), Err(BadTree::CoreCount(0)));
    // With so many, QEMU makes a second region of redistributors.
    let intc = [&INTC[..], &[0x40_0000_0000, 0x2_0000]].concat();
    assert_eq!(Tree { intc, ..Tree::new(124) }.describe(), Err(BadTree::CoreCount(124)));
    let tree = Tree { cores: vec![0, 2], ..Tree::new(0) };
    assert_eq!(tree.describe(), Err(BadTree::CoreNumbering { index: 1, mpidr: 2 }));
}

#[test]
fn a_gic_elsewhere_is_refused() {
    for (intc, bad) in [
        ([0, 0x1_0000, GICR, 0xf6_0000], 0),
        ([0x0900_0000, 0x1_0000, GICR, 0xf6_0000], 0x0900_0000),
        ([GICD, 0, GICR, 0xf6_0000], GICD),
        ([GICD, 0x1_0000, 0x0900_0000, 0xf6_0000], 0x0900_0000),
        ([GICD, 0x1_0000, 0x08fe_0000, 0xf6_0000], 0x08fe_0000),
        ([GICD, 0x1_0000, GICR, 0x2_0000], GICR),
        ([GICD, 0x1_0000, u64::MAX, 0xf6_0000], u64::MAX),
    ] {
        assert_eq!(Tree { intc: intc.to_vec(), ..Tree::new(2) }.describe(), Err(BadTree::Gic(bad)));
    }
    let intc = vec![GICD, 0x1_0000, 0x08fe_0000, 0x2_0000];
    assert!(Tree { intc, ..Tree::new(1) }.describe().is_ok());
}

#[test]
fn numa_nodes_join() {
    for memory in [
        vec![(DRAM + (3 << 30), 1 << 30), (DRAM + (1 << 30), 2 << 30), (DRAM, 1 << 30)],
        vec![(DRAM, 1 << 30), (DRAM + (1 << 30), 3 << 30)],
        vec![(DRAM, 4 << 30)],
    ] {
        let tree = Tree { memory, ..Tree::new(1) };
        assert_eq!(tree.describe().unwrap().memory, DRAM..DRAM + (4 << 30));
    }
    let tree = Tree { memory: vec![(DRAM, DRAM_END - DRAM)], ..Tree::new(1) };
    assert_eq!(tree.describe().unwrap().memory, DRAM..DRAM_END);
}

#[test]
fn memory_elsewhere_or_with_a_hole_is_refused() {
    for memory in [
        vec![],
        vec![(DRAM, 0)],
        vec![(0, 1 << 30)],
        vec![(DRAM - PAGE, 1 << 30)],
        vec![(DRAM + PAGE, 1 << 30)],
        vec![(DRAM, 1 << 30), (DRAM + (2 << 30), 1 << 30)],
        vec![(DRAM, 1 << 30), (DRAM, 1 << 30)],
        vec![(DRAM, 2 << 30), (DRAM + (1 << 30), 2 << 30)],
        vec![(DRAM, DRAM_END - DRAM + PAGE)],
        vec![(DRAM, u64::MAX)],
        vec![(DRAM, PAGE / 2)],
    ] {
        let what = format!("{memory:x?}");
        assert_eq!(Tree { memory, ..Tree::new(1) }.describe(), Err(BadTree::Memory), "{what}");
    }
}

#[test]
fn malformed_properties_are_named() {
    for (node, length, what) in [
        ("cpu@1", 8, "reg"),
        ("cpu@1", 3, "reg"),
        ("intc@8000000", 24, "intc reg"),
        ("intc@8000000", 48, "intc reg"),
        ("memory@40000000", 12, "memory reg"),
        ("memory@40000000", 32, "memory reg"),
    ] {
        let tree = Tree { extra: Some((node, vec![0; length])), ..Tree::new(2) };
        assert_eq!(tree.describe(), Err(BadTree::Property(what)), "{length} bytes");
    }
}

#[test]
fn what_is_no_tree_is_refused() {
    for bytes in [&[][..], &[0; 64], &[0xff; 64]] {
        assert_eq!(describe(bytes), Err(BadTree::Malformed));
    }
    let blob = Tree::new(2).blob();
    for length in 0..blob.len() {
        assert_eq!(describe(&blob[..length]), Err(BadTree::Malformed), "{length} bytes");
    }
}

#[test]
fn a_damaged_tree_is_refused_or_can_be() {
    let blob = Tree::new(3).blob();
    let mut refused = 0;
    for place in 0..blob.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut blob = blob.clone();
            blob[place] = value;
            let Ok(Description { cores, gicd, gicr, memory }) = describe(&blob) else {
                refused += 1;
                continue;
            };
            assert!((1..=Virt::MAX_CORES).contains(&cores));
            assert!(GIC.contains(&gicd) && GIC.contains(&(gicr + cores as u64 * GICR_STRIDE - 1)));
            assert!(memory.start == DRAM && memory.end.is_multiple_of(PAGE) && memory.end > DRAM);
        }
    }
    assert!(refused > 0);
}
