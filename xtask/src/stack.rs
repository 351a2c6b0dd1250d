// SPDX-License-Identifier: MIT OR Apache-2.0

//! Proof that a core's stack is large enough: the deepest path through the call graph of the linked monitor, with the
//! bytes that each function takes from the stack pointer.
//!
//! The paths begin where the assembly hands a core an empty stack ([`ROOTS`]) and end where a function returns or gives
//! the stack pointer another stack, which is known by the instruction. What can not be followed, recursion, a call
//! through a register, a frame whose size is in a register, is an error on every path that it is on.
//!
//! The bytes are an upper bound: a function takes all that it ever takes before each of its calls, tail calls included.

mod effect;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSymbol, SymbolKind};

use crate::code::{self, Code, Elf};
use effect::{Effect, effect, falls_through};

/// Where a core has its whole stack before it: exceptions, the way to the non-secure world, the boot.
const ROOTS: [&str; 11] = [
    "vector_plain_sync",
    "vector_plain_fiq",
    "vector_plain_sync_aarch32",
    "vector_plain_fiq_aarch32",
    "vector_guarded_sync",
    "vector_guarded_fiq",
    "vector_guarded_sync_aarch32",
    "vector_guarded_fiq_aarch32",
    "enter_boot",
    "enter_pen",
    "enter_sram",
];

/// The static that holds the stacks of all cores.
const STACKS: &str = "bl31::machine::STACKS";

/// What a path needs to know of a function.
#[derive(Debug, Default)]
struct Function {
    name: String,
    end: u64,
    frame: u64,
    callees: Vec<u64>,
    switches: bool,
    /// Why its stack can not be known.
    unknown: Option<&'static str>,
}

/// The functions by their addresses.
#[derive(Debug, Default)]
struct Graph(BTreeMap<u64, Function>);

/// The deepest path from somewhere: functions with their frames, and their sum.
#[derive(Clone, Debug, Default)]
struct Deepest {
    bytes: u64,
    path: Vec<(u64, u64)>,
}

impl Graph {
    /// Builds the graph of the functions `(address, end, name)`.
    fn new(functions: impl IntoIterator<Item = (u64, u64, String)>, code: &[Code]) -> Self {
        let functions = functions.into_iter();
        let mut graph = Self(
            functions.map(|(at, end, name)| (at, Function { name, end, ..Function::default() })).collect(),
        );
        for part in code {
            for (index, (address, word)) in part.instructions().enumerate() {
                let Some((&start, function)) = graph.0.range_mut(..=address).next_back() else { continue };
                if address < function.end {
                    function.take(start, address, word, &part.words[..index]);
                }
            }
        }
        graph
    }

    /// Returns the function that an address is in.
    fn at(&self, address: u64) -> Result<(u64, &Function)> {
        let found = self.0.range(..=address).next_back().filter(|(_, function)| address < function.end);
        found
            .map(|(&start, function)| (start, function))
            .with_context(|| format!("no function at {address:#x}"))
    }

    fn named(&self, name: &str) -> Result<u64> {
        let found = self.0.iter().find(|(_, function)| function.name == name);
        found.map(|(&start, _)| start).with_context(|| format!("there is no function {name}"))
    }

    /// Finds the deepest path from the function at `start`. `above` is the path to it, `known` what is known already.
    fn deepest(
        &self,
        start: u64,
        above: &mut Vec<u64>,
        known: &mut BTreeMap<u64, Deepest>,
    ) -> Result<Deepest> {
        if let Some(deepest) = known.get(&start) {
            return Ok(deepest.clone());
        }
        let function = &self.0[&start];
        let is_recursion = above.contains(&start);
        above.push(start);
        ensure!(!is_recursion, "recursion: {}", self.names(above));
        if let Some(why) = function.unknown {
            bail!("{why}: {}", self.names(above));
        }
        let mut below = Deepest::default();
        for &callee in &function.callees {
            let (callee, it) = self.at(callee).with_context(|| function.name.clone())?;
            if !it.switches {
                let candidate = self.deepest(callee, above, known)?;
                if candidate.bytes > below.bytes {
                    below = candidate;
                }
            }
        }
        above.pop();
        below.bytes += function.frame;
        below.path.insert(0, (start, function.frame));
        known.insert(start, below.clone());
        Ok(below)
    }

    fn names(&self, path: &[u64]) -> String {
        path.iter().map(|start| self.0[start].name.as_str()).collect::<Vec<_>>().join(" > ")
    }

    /// Finds the deepest path from each of these functions.
    fn deepest_of_each(&self, roots: &[&str]) -> Result<Vec<Deepest>> {
        let mut known = BTreeMap::new();
        roots.iter().map(|root| self.deepest(self.named(root)?, &mut Vec::new(), &mut known)).collect()
    }

    /// Returns the bytes that the deepest path from these functions takes, or an error that names a path over `budget`.
    fn check(&self, roots: &[&str], budget: u64) -> Result<u64> {
        let all = self.deepest_of_each(roots)?.into_iter();
        let most = all.max_by_key(|deepest| deepest.bytes).unwrap_or_default();
        let path: Vec<_> =
            most.path.iter().map(|(start, frame)| format!("{} {frame}", self.0[start].name)).collect();
        ensure!(
            most.bytes <= budget,
            "the deepest path takes {} of a stack's {budget} bytes: {}",
            most.bytes,
            path.join(" > ")
        );
        Ok(most.bytes)
    }
}

impl Function {
    /// Takes in one instruction of the function that begins at `start`.
    fn take(&mut self, start: u64, address: u64, word: u32, before: &[u32]) {
        let inside = |to: &u64| (start..self.end).contains(to);
        match effect(address, word, before) {
            Effect::Push(bytes) => self.frame += bytes,
            Effect::PushUnknown => self.unknown = Some("a frame of unknown size"),
            Effect::Switch(bytes) => {
                self.switches = true;
                self.frame += bytes;
            }
            Effect::Call(to) => self.callees.push(to),
            Effect::Jump(to) if !inside(&to) => self.callees.push(to),
            Effect::Indirect => self.unknown = Some("a call through a register"),
            Effect::Jump(_) | Effect::None => {}
        }
        if address + 4 == self.end
            && falls_through(word)
            && !matches!(effect(address, word, before), Effect::Call(_))
        {
            self.callees.push(self.end);
        }
    }
}

/// Lists the functions: `(address, end, name)`. A label of the assembly ends where the next one begins.
fn functions_of(file: &Elf<'_>) -> Vec<(u64, u64, String)> {
    let mut symbols: Vec<_> = file
        .symbols()
        // Not those that the linker script defines as numbers.
        .filter(|symbol| matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Unknown))
        .filter(|symbol| symbol.section_index().is_some())
        .filter_map(|symbol| {
            let name = symbol.name().ok().filter(|name| !name.is_empty() && !name.starts_with('$'))?;
            Some((symbol.address(), symbol.size(), code::demangled(name)))
        })
        .collect();
    symbols.sort_unstable();
    symbols.dedup_by_key(|symbol| symbol.0);
    let next: Vec<_> = symbols.iter().skip(1).map(|symbol| symbol.0).chain([u64::MAX]).collect();
    let functions = symbols.into_iter().zip(next);
    functions
        .map(|((start, size, name), next)| (start, if size == 0 { next } else { start + size }, name))
        .collect()
}

/// Checks the monitor's ELF file at `path`, which is for at most `cores` cores. Returns the bytes of the deepest path, and those that a stack has.
pub fn check(path: &Path, cores: usize) -> Result<(u64, u64)> {
    let data = code::read(path)?;
    let file = code::parse(&data)?;
    let stacks = code::place_of(&file, STACKS)?;
    let stack = (stacks.end - stacks.start) / cores as u64;
    Ok((graph_of(&file)?.check(&ROOTS, stack)?, stack))
}

/// Returns the bytes of the deepest path from each root of the monitor's ELF file.
pub fn depths(file: &Elf<'_>) -> Result<Vec<(&'static str, u64)>> {
    let deepest = graph_of(file)?.deepest_of_each(&ROOTS)?;
    Ok(ROOTS.into_iter().zip(deepest).map(|(root, deepest)| (root, deepest.bytes)).collect())
}

fn graph_of(file: &Elf<'_>) -> Result<Graph> {
    Ok(Graph::new(functions_of(file), &code::code_of(file)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RET: u32 = 0xd65f_03c0;
    const SUB_SP_64: u32 = 0xd101_03ff;
    const PUSH_16: u32 = 0xa9bf_7bfd;
    const SWITCH: u32 = 0x9100_003f;
    const BLR: u32 = 0xd63f_0100;

    /// `bl` by this many instructions.
    const fn bl(words: i32) -> u32 {
        0x9400_0000 | words.cast_unsigned() & 0x3ff_ffff
    }

    /// `b` by this many instructions.
    const fn b(words: i32) -> u32 {
        0x1400_0000 | words.cast_unsigned() & 0x3ff_ffff
    }

    /// Lays functions one behind the other.
    fn graph(functions: &[(&str, &[u32])]) -> Graph {
        let mut words = Vec::new();
        let mut places = Vec::new();
        for (name, body) in functions {
            let start = 4 * words.len() as u64;
            words.extend_from_slice(body);
            places.push((start, 4 * words.len() as u64, (*name).to_owned()));
        }
        Graph::new(places, &[Code { address: 0, words }])
    }

    fn error(functions: &[(&str, &[u32])], budget: u64) -> String {
        graph(functions).check(&["a"], budget).unwrap_err().to_string()
    }

    #[test]
    fn the_deepest_path_counts() {
        let functions = [
            ("a", &[SUB_SP_64, bl(3), bl(4), RET][..]),
            ("b", &[PUSH_16, RET]),
            ("c", &[PUSH_16, b(1)]),
            ("d", &[SUB_SP_64, RET]),
            ("nobody", &[BLR, RET]),
        ];
        assert_eq!(graph(&functions).check(&["a"], 144).unwrap(), 144);
        assert_eq!(graph(&functions).check(&["b", "d"], 144).unwrap(), 64);
        assert_eq!(
            error(&functions, 143),
            "the deepest path takes 144 of a stack's 143 bytes: a 64 > c 16 > d 64"
        );
        assert!(graph(&functions).check(&["main"], 144).is_err());
    }

    #[test]
    fn what_can_not_be_followed_is_an_error() {
        let recursion = [("a", &[PUSH_16, bl(1)][..]), ("b", &[PUSH_16, bl(-3), RET])];
        assert_eq!(error(&recursion, 1000), "recursion: a > b > a");
        assert_eq!(error(&[("a", &[PUSH_16, bl(-1), RET])], 1000), "recursion: a > a");
        let indirect = [("a", &[PUSH_16, bl(1)][..]), ("b", &[BLR, RET])];
        assert_eq!(error(&indirect, 1000), "a call through a register: a > b");
        assert!(error(&[("a", &[bl(100)])], 1000).contains('a'));
    }

    #[test]
    fn another_stack_ends_a_path() {
        let functions =
            [("a", &[PUSH_16, bl(1)][..]), ("b", &[SWITCH, bl(1)]), ("c", &[SUB_SP_64, BLR, RET])];
        assert_eq!(graph(&functions).check(&["a"], 16).unwrap(), 16);
        assert!(graph(&functions).check(&["b"], 1000).is_err(), "it is a root with a stack of its own");
    }

    #[test]
    fn a_function_without_end_goes_on_in_the_next() {
        let cbz = 0xb400_0000 | 2 << 5;
        let functions = [("a", &[PUSH_16, cbz][..]), ("b", &[PUSH_16, RET]), ("c", &[SUB_SP_64, RET])];
        assert_eq!(graph(&functions).check(&["a"], 1000).unwrap(), 32);
        let jumps = [("a", &[PUSH_16, cbz, RET][..]), ("c", &[SUB_SP_64, RET])];
        assert_eq!(graph(&jumps).check(&["a"], 1000).unwrap(), 80);
    }
}
