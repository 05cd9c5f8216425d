//! Fuzz targets for data that a power cut or a broken disk may leave.

use std::io::Cursor;

use super::{
    journal_repair::JournalContents,
    record::{counter_key, parse_counter_key},
    trial_key::{TrialKey, parse_expiry_key, parse_trial_key},
};
use crate::fuzzing::FuzzTarget;

pub(crate) const TARGETS: &[FuzzTarget] = &[("journal", journal), ("stored_key", stored_key)];

/// The leading part that is reported as whole parses as whole on its own, and no batch is found twice.
fn journal(input: &[u8]) {
    let of =
        |bytes: &[u8]| JournalContents::read(|| Ok(Cursor::new(bytes.to_vec()))).expect("memory can be read");
    let JournalContents { end, torn, next } = of(input);
    let length = input.len() as u64;
    assert!(end + torn <= length);
    assert!(next.is_none_or(|next| (end..end + torn).contains(&next)), "{next:?} of {end} and {torn}");
    let whole = of(&input[..usize::try_from(end).expect("small")]);
    assert_eq!((whole.end, whole.torn, whole.next), (end, 0, None), "after truncation");
}

fn stored_key(input: &[u8]) {
    if let Ok((environment, second)) = parse_counter_key(input) {
        assert_eq!(parse_counter_key(&counter_key(&environment, second)).ok(), Some((environment, second)));
    }
    if let Ok(key) = parse_expiry_key(input) {
        assert!(key.len() < input.len());
    }
    if let Ok(TrialKey::Trial(generation, id)) = parse_trial_key(input) {
        assert_eq!(&*generation.trial(id), input);
    }
}
