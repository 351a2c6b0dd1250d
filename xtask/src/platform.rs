// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the firmware tells UEFI of machines that are not as usual: the payload compares each answer with the device tree.

use anyhow::{Result, ensure};

use crate::conformance::{self, Options};
use crate::qemu::Program;
use crate::test::{Case, Log, Tally};
use crate::{crash, paths};

/// The most NUMA nodes that QEMU has.
const MAX_NODES: u32 = 128;

/// The rounds of the one race among the cases, and the most seconds of it.
const ROUNDS: u32 = 20;
const SECONDS: u32 = 2;

/// Returns the cases.
pub fn cases() -> Vec<Case> {
    vec![
        // The memory of the second node is larger than that of the first, and its cores are more.
        Case::new("platform numa", |log| {
            if !Program::chosen().has_clusters()? {
                return without_clusters();
            }
            numa("8,sockets=2,clusters=2,cores=2", &[(512, "0-2"), (1536, "3-7")], log)
        }),
        Case::new("platform topology", |log| {
            if !Program::chosen().has_clusters()? {
                return without_clusters();
            }
            conformance(6, &["-smp", "6,sockets=1,clusters=3,cores=2,threads=2,maxcpus=12"], log)
        }),
        Case::new("platform nodes=128", |log| {
            let cores: Vec<_> = (0..MAX_NODES).map(|node| node.to_string()).collect();
            let nodes: Vec<_> = cores.iter().map(|core| (8, core.as_str())).collect();
            numa("128", &nodes, log)
        }),
        Case::new("platform version=0.0", |log| tree("version-0-0", log)),
    ]
}

fn without_clusters() -> Result<Tally> {
    Ok(Tally::skip(format!("QEMU {} has no clusters on this machine", Program::chosen().version()?)))
}

/// Runs the platform's cases on a machine with more of QEMU's arguments.
fn conformance(smp: u32, arguments: &[&str], log: &mut Log) -> Result<Tally> {
    let options = Options {
        filter: "^platform.".to_owned(),
        rounds: ROUNDS,
        seconds: SECONDS,
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        ..Options::on(smp, "max")
    };
    conformance::run(&options, |line| log.line(line))
}

/// Runs them on NUMA nodes, each of so many MiB and with these cores. There is nothing to skip then.
fn numa(smp: &str, nodes: &[(u32, &str)], log: &mut Log) -> Result<Tally> {
    let total: u32 = nodes.iter().map(|(mib, _)| mib).sum();
    let mut arguments = vec!["-smp".to_owned(), smp.to_owned(), "-m".to_owned(), format!("{total}M")];
    for (node, (mib, cores)) in nodes.iter().enumerate() {
        arguments.extend(["-object".to_owned(), format!("memory-backend-ram,id=node{node},size={mib}M")]);
        arguments.extend(["-numa".to_owned(), format!("node,nodeid={node},memdev=node{node},cpus={cores}")]);
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let cores = smp.split(',').next().unwrap_or(smp).parse()?;
    let tally = conformance(cores, &arguments, log)?;
    ensure!(tally.skipped == 0, "{} cases were skipped on a machine with NUMA nodes", tally.skipped);
    Ok(tally)
}

/// Runs them on a machine with this tree of one core in `tests/trees`.
fn tree(name: &str, log: &mut Log) -> Result<Tally> {
    let folder = tempfile::tempdir_in(paths::target())?;
    let blob = crash::compile(name, folder.path())?;
    conformance(1, &["-dtb", &blob.display().to_string()], log)
}
