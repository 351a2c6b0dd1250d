// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;
use crate::sbsa_ref::testing::{GICD, GICR, ITS, Tree};

#[test]
fn cores_gic_and_memory_are_found() {
    for cores in [1, 4, 9, 16, 512] {
        let description = Tree::new(cores).describe().unwrap();
        assert_eq!(
            description,
            Description { cores, gicd: GICD, gicr: GICR, memory: DRAM..DRAM + (1 << 30) }
        );
    }
}

#[test]
fn every_version_is_understood() {
    for minor in 0..=4 {
        let tree = Tree::of_version(minor, 2);
        let description = tree.describe().unwrap();
        assert_eq!((description.gicd, description.gicr), (DEFAULT_GICD, DEFAULT_GICR));
        let facts = tree.facts();
        assert_eq!(facts.version(), [0, minor.into()]);
        assert_eq!(facts.gic().its, if minor < 2 { 0 } else { ITS });
        assert_eq!(facts.topology(), if minor < 4 { [0; 4] } else { [1, 1, 2, 1] });
    }
}

#[test]
fn a_tree_without_version_is_the_first() {
    let tree = Tree { version: None, ..Tree::of_version(0, 1) };
    assert_eq!(tree.facts().version(), [0, 0]);
}

#[test]
fn bytes_behind_the_tree_are_not_read() {
    let mut bytes = Tree::new(2).blob();
    bytes.resize(SbsaRef::DEVICE_TREE_SIZE, 0xff);
    assert_eq!(describe(&bytes, &Facts::new()).unwrap().cores, 2);
}

#[test]
fn a_gic_elsewhere_is_refused() {
    for (intc, bad) in [
        ([0x5000_0000, 0x1_0000, GICR, 0x400_0000], 0x5000_0000),
        ([0, 0x1_0000, GICR, 0x400_0000], 0),
        ([GICD, 0x1_0000, 0x441f_0000, 0x400_0000], 0x441f_0000),
        ([GICD, 0x1_0000, u64::MAX, 0x400_0000], u64::MAX),
        // It does not fit, or is no frame.
        ([0x441f_fff8, 0x1_0000, GICR, 0x400_0000], 0x441f_fff8),
        ([0x4006_0001, 0x1_0000, GICR, 0x400_0000], 0x4006_0001),
        ([GICD, 0x1_0000, 0x4008_8000, 0x400_0000], 0x4008_8000),
    ] {
        assert_eq!(Tree { intc: Some(intc), ..Tree::new(1) }.describe(), Err(BadTree::Gic(bad)));
    }
    for bad in [0, 0x3fff_ffff, 0x4408_1004, 0x441f_0000, 0x4420_0000, u64::MAX] {
        assert_eq!(Tree { its: Some([bad, 0]), ..Tree::new(1) }.describe(), Err(BadTree::Gic(bad)));
    }
}

#[test]
fn all_redistributors_must_fit() {
    let intc = Some([GICD, 0x1_0000, GIC.end - 2 * GICR_STRIDE, 0x400_0000]);
    assert!(Tree { intc, ..Tree::new(2) }.describe().is_ok());
    assert_eq!(Tree { intc, ..Tree::new(3) }.describe(), Err(BadTree::Gic(GIC.end - 2 * GICR_STRIDE)));
}

#[test]
fn numa_nodes_join_and_keep_the_order_of_the_tree() {
    let tree = Tree::new(1).with_numa(&[3, 1, 2]);
    assert_eq!(tree.describe().unwrap().memory, DRAM..DRAM + (6 << 30));
    let facts = tree.facts();
    assert_eq!(facts.memory_count(), 3);
    assert_eq!(facts.memory(0), [2, DRAM + (4 << 30), 2 << 30]);
    assert_eq!(facts.memory(1), [1, DRAM + (3 << 30), 1 << 30]);
    assert_eq!(facts.memory(2), [0, DRAM, 3 << 30]);
}

#[test]
fn numa_nodes_of_any_order_and_without_memory_are_understood() {
    let memory = vec![
        (DRAM + (1 << 30), 1 << 30, Some(1)),
        (DRAM, 1 << 30, Some(127)),
        (DRAM + (2 << 30), 0, Some(3)),
        (DRAM + (2 << 30), 1 << 30, None),
    ];
    let tree = Tree { memory, ..Tree::new(1) };
    assert_eq!(tree.describe().unwrap().memory, DRAM..DRAM + (3 << 30));
    assert_eq!(tree.facts().memory(2), [3, DRAM + (2 << 30), 0]);
    assert_eq!(tree.facts().memory(3), [0, DRAM + (2 << 30), 1 << 30]);
}

#[test]
fn all_the_ram_that_there_can_be_is_kept() {
    let tree = Tree {
        memory: vec![(DRAM, DRAM_MOST - PAGE, None), (DRAM + DRAM_MOST - PAGE, PAGE, None)],
        ..Tree::new(1)
    };
    assert_eq!(tree.facts().memory(0), [0, DRAM, DRAM_MOST - PAGE]);
    assert_eq!(tree.facts().memory(1), [0, DRAM + DRAM_MOST - PAGE, PAGE]);
}

#[test]
fn memory_elsewhere_or_with_a_hole_is_refused() {
    for memory in [
        vec![],
        vec![(DRAM, 0)],
        vec![(0x4000_0000, 1 << 30)],
        vec![(DRAM, 1 << 30), (DRAM + (2 << 30), 1 << 30)],
        vec![(DRAM, 1 << 30), (DRAM, 1 << 30)],
        // As much twice as there is not at all.
        vec![(DRAM, 3 << 30), (DRAM, 1 << 30), (DRAM + (4 << 30), 1 << 30)],
        vec![(DRAM, DRAM_MOST + PAGE)],
        vec![(DRAM + DRAM_MOST, PAGE)],
        vec![(DRAM, !(PAGE - 1))],
        vec![(!(PAGE - 1), 2 * PAGE)],
        vec![(DRAM, PAGE / 2), (DRAM + PAGE / 2, PAGE / 2)],
    ] {
        let memory: Vec<_> = memory.into_iter().map(|(start, size)| (start, size, None)).collect();
        let what = format!("{memory:x?}");
        assert_eq!(Tree { memory, ..Tree::new(1) }.describe(), Err(BadTree::Memory), "{what}");
    }
}

#[test]
fn more_memory_nodes_than_there_can_be_are_refused() {
    let nodes = |count: u32| {
        (0..count).rev().map(|number| (DRAM + u64::from(number) * PAGE, PAGE, Some(number))).collect()
    };
    let tree = Tree { memory: nodes(128), ..Tree::new(1) };
    assert_eq!(tree.describe().unwrap().memory, DRAM..DRAM + 128 * PAGE);
    assert_eq!(tree.facts().memory(0), [127, DRAM + 127 * PAGE, PAGE]);
    assert_eq!(tree.facts().memory(127), [0, DRAM, PAGE]);
    let mut memory: Vec<_> = nodes(128);
    memory.extend([(DRAM + 128 * PAGE, PAGE, None), (0, 0, None)]);
    assert_eq!(Tree { memory, ..Tree::new(1) }.describe(), Err(BadTree::MemoryNodeCount(130)));
}

#[test]
fn numa_nodes_that_there_can_not_be_are_refused() {
    for bad in [128, 256, u32::MAX] {
        let memory = vec![(DRAM, 1 << 30, Some(bad))];
        assert_eq!(Tree { memory, ..Tree::new(1) }.describe(), Err(BadTree::NumaNode(bad)));
        let mut tree = Tree::new(2);
        tree.cores[1].1 = Some(bad);
        assert_eq!(tree.describe(), Err(BadTree::NumaNode(bad)));
    }
}

#[test]
fn cores_that_are_not_numbered_as_the_machine_does_are_refused() {
    let tree = Tree { cores: vec![(0, None), (2, None)], ..Tree::new(0) };
    assert_eq!(tree.describe(), Err(BadTree::CoreNumbering { index: 1, mpidr: 2 }));
    assert_eq!(Tree::new(0).describe(), Err(BadTree::CoreCount(0)));
    assert_eq!(Tree::new(513).describe(), Err(BadTree::CoreCount(513)));
}

#[test]
fn malformed_properties_are_named() {
    for (node, name, length, what) in [
        ("", "machine-version-major", 8, "machine-version-major"),
        ("", "machine-version-minor", 0, "machine-version-minor"),
        ("cpu@1", "reg", 4, "cpu reg"),
        ("cpu@1", "reg", 16, "cpu reg"),
        ("cpu@1", "numa-node-id", 8, "numa-node-id"),
        ("its", "reg", 8, "its reg"),
        ("memory@10000000000", "reg", 12, "memory reg"),
        ("memory@10000000000", "reg", 20, "memory reg"),
        ("memory@10000000000", "reg", 32, "memory reg"),
        ("memory@10000000000", "numa-node-id", 3, "numa-node-id"),
    ] {
        let tree = Tree { version: None, extra: Some((node, name, vec![0; length])), ..Tree::new(2) };
        assert_eq!(tree.describe(), Err(BadTree::Property(what)), "{length} bytes");
    }
}

#[test]
fn what_is_no_tree_is_refused() {
    let describe = |bytes: &[u8]| describe(bytes, &Facts::new());
    assert_eq!(describe(&[]), Err(BadTree::Malformed));
    assert_eq!(describe(&[0; 64]), Err(BadTree::Malformed));
    assert_eq!(describe(&[0xff; 64]), Err(BadTree::Malformed));
    let blob = Tree::new(2).blob();
    for length in 0..blob.len() {
        assert_eq!(describe(&blob[..length]), Err(BadTree::Malformed), "{length} bytes");
    }
}
