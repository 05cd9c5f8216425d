//! Replays the corpora on every toolchain: as they are, and with random mutations as a fuzzer would make.

use std::{
    collections::BTreeSet,
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use proptest::{
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{run, targets};

/// The number of mutated samples per target.
const CASES: u32 = 2_000;

fn folder(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz")).join(name)
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

fn samples(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder("corpus").join(target)).expect("a corpus");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut samples: Vec<_> = paths.map(|path| (path.clone(), fs::read(&path).expect("readable"))).collect();
    samples.sort();
    assert!(!samples.is_empty(), "{target} has no sample");
    samples
}

#[test]
fn every_fuzz_target_has_a_program_and_samples() {
    let known: BTreeSet<_> = targets().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(known.len(), targets().count(), "two targets have the same name");
    assert_eq!(names_in(&folder("corpus")), known);
    assert_eq!(names_in(&folder("fuzz_targets")), known);
    let manifest: toml::Table =
        fs::read_to_string(folder("Cargo.toml")).expect("readable").parse().expect("is TOML");
    let programs = manifest["bin"].as_array().expect("a list");
    let names: BTreeSet<_> =
        programs.iter().map(|program| program["name"].as_str().expect("text").to_owned()).collect();
    assert_eq!(names, known);
}

#[test]
fn no_sample_of_a_corpus_breaks_a_parser() {
    let samples = targets().flat_map(|(target, _)| {
        samples(target).into_iter().map(move |(path, sample)| (target, path, sample))
    });
    let breaking: Vec<_> = samples
        .filter(|(target, _, sample)| catch_unwind(|| run(target, sample)).is_err())
        .map(|(_, path, _)| path)
        .collect();
    assert_eq!(breaking, Vec::<PathBuf>::new());
}

#[test]
fn no_mutated_sample_breaks_a_parser() {
    let broken: Vec<_> = targets()
        .filter_map(|(target, _)| {
            let samples: Vec<_> = samples(target).into_iter().map(|(_, sample)| sample).collect();
            let changed = (select(samples.clone()), proptest::collection::vec(change(samples), 1..4))
                .prop_map(|(sample, changes)| {
                    changes.iter().fold(sample, |sample, change| change.apply(sample))
                });
            let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
            // Deterministic: cargo-fuzz explores other mutations.
            let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
            let outcome = TestRunner::new_with_rng(config, random).run(&changed, |input| {
                run(target, &input);
                Ok(())
            });
            outcome.err().map(|error| format!("{target}: {error}"))
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A mutation of a sample at one position.
#[derive(Debug, Clone)]
enum Change {
    Overwrite(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    Cut(Index),
}

/// Bytes that matter to parsers: delimiters, escapes and numbers.
const MARKS: [&[u8]; 16] = [
    b"\0",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"=",
    b"%",
    b"\\u0000",
    b"\xff",
    b"\xc3",
    b"99999999999999999999",
    b"-1",
    b"\xf0\x9f\x93\xba",
];

fn change(samples: Vec<Vec<u8>>) -> impl Strategy<Value = Change> {
    let inserted = prop_oneof![
        select(&MARKS[..]).prop_map(<[u8]>::to_vec),
        proptest::collection::vec(any::<u8>(), 1..8),
        select(samples),
    ];
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Overwrite(at, byte)),
        (any::<Index>(), inserted).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<Index>(), 1..16_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (any::<Index>(), 1..16_usize, 1..64_usize)
            .prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        any::<Index>().prop_map(Change::Cut),
    ]
}

impl Change {
    fn apply(&self, mut sample: Vec<u8>) -> Vec<u8> {
        let (Self::Overwrite(at, _)
        | Self::Insert(at, _)
        | Self::Remove(at, _)
        | Self::Repeat(at, ..)
        | Self::Cut(at)) = self;
        let at = at.index(sample.len() + 1);
        let end = |length: usize| (at + length).min(sample.len());
        match self {
            Self::Overwrite(_, byte) => sample.iter_mut().skip(at).take(1).for_each(|old| *old = *byte),
            Self::Insert(_, bytes) => drop(sample.splice(at..at, bytes.iter().copied())),
            Self::Remove(_, length) => drop(sample.drain(at..end(*length))),
            Self::Repeat(_, length, times) => {
                let piece = sample[at..end(*length)].repeat(*times);
                drop(sample.splice(at..at, piece));
            }
            Self::Cut(_) => sample.truncate(at),
        }
        sample
    }
}
