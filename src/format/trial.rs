//! The format of trials: one record of bounded size per trial, and additional rows for its resources.

use serde::{Deserialize, Serialize};

use super::{FormatError, StoredFormat, decode, encode};
use crate::domain::{
    clock::Timestamp,
    temp_pass::{HolderDigest, ResourceId, Trial, TrialApplication},
};

/// The number of resources in a row. A trial with at most this many has no rows; adding a resource rewrites at most this many.
const TRIAL_RESOURCES_PER_ROW: usize = 16;

/// A trial, without the resources in its rows.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TrialV1<'a> {
    device: [u8; HolderDigest::LENGTH],
    /// In milliseconds since the Unix epoch, like all times in this module.
    start_time: u64,
    forget_time: u64,
    app_id: &'a str,
    device_user: &'a str,
    /// The number of full rows.
    rows: u32,
    /// The resources after those in the rows, in the order of their first authorization.
    #[serde(borrow)]
    latest_resources: Vec<&'a str>,
}

impl StoredFormat for TrialV1<'_> {
    const NAME: &'static str = "trial";
    const VERSION: u8 = 1;
}

/// A full row of a trial's resources.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TrialResourcesV1<'a> {
    #[serde(borrow)]
    resources: Vec<&'a str>,
}

impl StoredFormat for TrialResourcesV1<'_> {
    const NAME: &'static str = "trial_resources";
    const VERSION: u8 = 1;
}

/// The number of full rows for this many resources. The latest resources, at least one, stay in the record.
fn full_rows(resources: usize) -> usize {
    resources.saturating_sub(1) / TRIAL_RESOURCES_PER_ROW
}

fn texts(resources: &[ResourceId]) -> Vec<&str> {
    resources.iter().map(ResourceId::as_str).collect()
}

fn parse<T: StoredFormat>(texts: Vec<&str>) -> Result<Vec<ResourceId>, FormatError> {
    let parse = |text| ResourceId::parse("resource", text);
    texts
        .into_iter()
        .map(parse)
        .collect::<Result<_, _>>()
        .map_err(|violation| FormatError::invalid::<T>(&violation))
}

/// Encodes a trial's record, without its rows.
///
/// # Errors
/// Only if serialization fails, which cannot happen for a valid trial.
pub(crate) fn encode_trial(trial: &Trial) -> Result<Vec<u8>, FormatError> {
    let rows = full_rows(trial.used_resources.len());
    encode(&TrialV1 {
        device: *trial.device.as_bytes(),
        start_time: trial.start_time.as_millis(),
        forget_time: trial.forget_time.as_millis(),
        app_id: &trial.application.app_id,
        device_user: &trial.application.device_user,
        rows: u32::try_from(rows).unwrap_or(u32::MAX),
        latest_resources: texts(&trial.used_resources[rows * TRIAL_RESOURCES_PER_ROW..]),
    })
}

/// Encodes the row that becomes full when the last resource is added, if any. Returns its number and its encoding.
///
/// # Errors
/// Only if serialization fails, which cannot happen for a valid trial.
pub(crate) fn encode_filled_row(trial: &Trial) -> Result<Option<(u32, Vec<u8>)>, FormatError> {
    let count = trial.used_resources.len();
    let (rows, before) = (full_rows(count), full_rows(count.saturating_sub(1)));
    if rows == before { Ok(None) } else { encode_row(trial, before).map(Some) }
}

/// Encodes every full row of the trial's resources. Returns their numbers and encodings.
///
/// # Errors
/// Only if serialization fails, which cannot happen for a valid trial.
pub(crate) fn encode_rows(trial: &Trial) -> Result<Vec<(u32, Vec<u8>)>, FormatError> {
    (0..full_rows(trial.used_resources.len())).map(|number| encode_row(trial, number)).collect()
}

fn encode_row(trial: &Trial, number: usize) -> Result<(u32, Vec<u8>), FormatError> {
    let start = number * TRIAL_RESOURCES_PER_ROW;
    let resources = &trial.used_resources[start..start + TRIAL_RESOURCES_PER_ROW];
    let row = encode(&TrialResourcesV1 { resources: texts(resources) })?;
    Ok((u32::try_from(number).unwrap_or(u32::MAX), row))
}

/// Decodes a trial. `row` looks up a row by its number.
///
/// # Errors
/// If the bytes are not a valid trial, or if `row` fails.
pub(crate) fn decode_trial<E: From<FormatError>>(
    bytes: &[u8],
    row: impl Fn(u32) -> Result<Vec<ResourceId>, E>,
) -> Result<Trial, E> {
    let record: TrialV1<'_> = decode(bytes)?;
    let mut used_resources = Vec::new();
    for index in 0..record.rows {
        used_resources.append(&mut row(index)?);
    }
    used_resources.append(&mut parse::<TrialV1<'_>>(record.latest_resources)?);
    Ok(Trial {
        device: HolderDigest::from_bytes(record.device),
        start_time: Timestamp::from_millis(record.start_time),
        forget_time: Timestamp::from_millis(record.forget_time),
        application: TrialApplication {
            app_id: record.app_id.to_owned(),
            device_user: record.device_user.to_owned(),
        },
        used_resources,
    })
}

/// Decodes the time from which a trial may be forgotten, and its number of rows.
///
/// # Errors
/// If the bytes are not a valid trial.
pub(crate) fn decode_trial_extent(bytes: &[u8]) -> Result<(Timestamp, u32), FormatError> {
    let TrialV1 { forget_time, rows, .. } = decode(bytes)?;
    Ok((Timestamp::from_millis(forget_time), rows))
}

/// Decodes the resources of a row.
///
/// # Errors
/// If the bytes are not a valid row.
pub(crate) fn decode_row(bytes: &[u8]) -> Result<Vec<ResourceId>, FormatError> {
    let TrialResourcesV1 { resources } = decode(bytes)?;
    parse::<TrialResourcesV1<'_>>(resources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::golden;

    fn trial(resources: usize) -> Trial {
        let resource = |index| ResourceId::parse("resource", &format!("resource {index}")).expect("valid");
        Trial {
            device: HolderDigest::from_bytes([7; HolderDigest::LENGTH]),
            start_time: Timestamp::from_millis(1_763_000_000_123),
            forget_time: Timestamp::from_millis(1_797_564_000_123),
            application: TrialApplication { app_id: "app".to_owned(), device_user: "user".to_owned() },
            used_resources: (0..resources).map(resource).collect(),
        }
    }

    fn no_row(index: u32) -> Result<Vec<ResourceId>, FormatError> {
        Err(FormatError::new("row", index.to_string()))
    }

    #[test]
    fn the_format_of_a_trial_is_pinned() {
        let sample = trial(2);
        let encoded = encode_trial(&sample).expect("encodes");
        let decode = |bytes: &[u8]| decode_trial(bytes, no_row);
        golden::check(TrialV1::NAME, TrialV1::VERSION, &encoded, decode, &sample);
    }

    #[test]
    fn the_format_of_a_row_of_resources_is_pinned() {
        let sample = trial(TRIAL_RESOURCES_PER_ROW + 1);
        let (index, encoded) = encode_filled_row(&sample).expect("encodes").expect("a full row");
        assert_eq!(index, 0);
        let resources = sample.used_resources[..TRIAL_RESOURCES_PER_ROW].to_vec();
        golden::check(TrialResourcesV1::NAME, TrialResourcesV1::VERSION, &encoded, decode_row, &resources);
    }

    #[test]
    fn a_trial_record_stays_small_with_a_thousand_resources() {
        let mut rows = Vec::new();
        for count in 0..=1_000 {
            let trial = trial(count);
            if let Some((index, row)) = encode_filled_row(&trial).expect("encodes") {
                assert_eq!(index as usize, rows.len());
                rows.push(row);
            }
            let encoded = encode_trial(&trial).expect("encodes");
            assert!(encoded.len() < 300, "{count} resources: {} bytes", encoded.len());
            let decoded = decode_trial(&encoded, |index| decode_row(&rows[index as usize]));
            assert_eq!(decoded.expect("readable"), trial);
            let all = encode_rows(&trial).expect("encodes");
            assert!(all.into_iter().map(|(_, row)| row).eq(rows.iter().cloned()), "{count} resources");
        }
    }
}
