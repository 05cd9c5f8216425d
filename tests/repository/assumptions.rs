//! The assumptions about the provider: numbered without gaps, kept in the files that they name, and defined wherever they are
//! referenced.

use std::{collections::BTreeSet, fs, path::Path};

/// The repository.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

const DOCUMENT: &str = "docs/assumptions.md";

/// An assumption's number and its files.
fn assumptions() -> Vec<(u32, Vec<String>)> {
    let text = fs::read_to_string(Path::new(ROOT).join(DOCUMENT)).expect("readable");
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let number = cells.next()?.parse().ok()?;
        let place = cells.nth(1).expect("a row has a place");
        let paths = place.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Some((number, paths))
    });
    rows.collect()
}

#[test]
fn every_assumption_has_a_unique_number_and_an_existing_file() {
    let assumptions = assumptions();
    let numbers: Vec<_> = assumptions.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=u32::try_from(numbers.len()).expect("few")).collect::<Vec<_>>());
    for (number, paths) in assumptions {
        assert!(!paths.is_empty(), "assumption {number} has no file");
        for path in paths {
            assert!(Path::new(ROOT).join(&path).is_file(), "assumption {number}: there is no {path}");
        }
    }
}

#[test]
fn every_reference_to_an_assumption_exists() {
    let known: BTreeSet<_> = assumptions().into_iter().map(|(number, _)| number).collect();
    let mut found = 0;
    for folder in ["src", "tests", "proto", "docs"] {
        each_file(&Path::new(ROOT).join(folder), &mut |path, text| {
            for rest in text.split("assumption ").skip(1) {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                let Ok(number) = digits.parse() else { continue };
                assert!(known.contains(&number), "{}: there is no assumption {number}", path.display());
                found += 1;
            }
        });
    }
    assert!(found > 0, "no file refers to an assumption");
}

fn each_file(folder: &Path, visit: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            each_file(&path, visit);
        } else if path
            .extension()
            .is_some_and(|extension| ["rs", "proto", "md"].iter().any(|known| extension == *known))
        {
            visit(&path, &fs::read_to_string(&path).expect("readable"));
        }
    }
}
