//! The answer to a create, kept for repeats of its `request_id`.

use serde::{Deserialize, Serialize};

use super::{Format, FormatError, code::RecordV1, decode, encode};
use crate::domain::{
    device_info::{Warning, WarningReason},
    registration::Registration,
};

/// The answer that is kept for repeats.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeptAnswer {
    /// A digest of the request.
    pub fingerprint: [u8; 32],
    /// The record that was made.
    pub registration: Registration,
    /// What was odd about the request.
    pub warnings: Vec<Warning>,
}

/// An answer as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptAnswerV1<'a> {
    fingerprint: [u8; 32],
    #[serde(borrow)]
    record: RecordV1<'a>,
    warnings: Vec<WarningV1<'a>>,
}

impl Format for KeptAnswerV1<'_> {
    const NAME: &'static str = "kept_answer";
    const VERSION: u8 = 1;
}

#[derive(Debug, Serialize, Deserialize)]
struct WarningV1<'a> {
    field: &'a str,
    reason: WarningReasonV1,
    message: &'a str,
}

impl KeptAnswer {
    /// The answer as it is kept.
    ///
    /// # Errors
    /// None that an answer leads to.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, FormatError> {
        encode(&KeptAnswerV1 {
            fingerprint: self.fingerprint,
            record: (&self.registration).into(),
            warnings: self.warnings.iter().map(Into::into).collect(),
        })
    }

    /// The answer that was kept.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let KeptAnswerV1 { fingerprint, record, warnings } = decode(bytes)?;
        let registration = Registration::try_from(record)
            .map_err(|violation| FormatError::invalid::<KeptAnswerV1<'_>>(&violation))?;
        Ok(Self { fingerprint, registration, warnings: warnings.into_iter().map(Into::into).collect() })
    }
}

impl<'a> From<&'a Warning> for WarningV1<'a> {
    fn from(Warning { field, reason, message }: &'a Warning) -> Self {
        Self { field, reason: (*reason).into(), message }
    }
}

impl From<WarningV1<'_>> for Warning {
    fn from(WarningV1 { field, reason, message }: WarningV1<'_>) -> Self {
        Self { field: field.to_owned(), reason: reason.into(), message: message.to_owned() }
    }
}

/// The reasons, which are kept by their position in the list, in both directions.
macro_rules! reasons {
    ($($reason:ident),* $(,)?) => {
        #[derive(Debug, Serialize, Deserialize)]
        enum WarningReasonV1 {
            $($reason),*
        }

        impl From<WarningReason> for WarningReasonV1 {
            fn from(reason: WarningReason) -> Self {
                match reason {
                    $(WarningReason::$reason => Self::$reason),*
                }
            }
        }

        impl From<WarningReasonV1> for WarningReason {
            fn from(reason: WarningReasonV1) -> Self {
                match reason {
                    $(WarningReasonV1::$reason => Self::$reason),*
                }
            }
        }
    };
}
reasons!(UnlistedValue, UnknownKey, UnexpectedType, AliasedKey, DuplicateKey, FieldIgnored, TtlNotHonoured,);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{domain::clock::Timestamp, format::golden, store::conformance::sample};

    #[test]
    fn the_format_of_a_kept_answer_is_pinned() {
        let now = Timestamp::from_millis(1_763_000_000_123);
        let reasons = [
            WarningReason::UnlistedValue,
            WarningReason::UnknownKey,
            WarningReason::UnexpectedType,
            WarningReason::AliasedKey,
            WarningReason::DuplicateKey,
            WarningReason::FieldIgnored,
            WarningReason::TtlNotHonoured,
        ];
        let warning = |reason| Warning { field: "ttl".to_owned(), reason, message: "odd".to_owned() };
        let answer = KeptAnswer {
            fingerprint: std::array::from_fn(|index| index as u8),
            registration: sample::registration(now, "NKGF4M7", Duration::from_secs(1800)),
            warnings: reasons.map(warning).to_vec(),
        };
        let encoded = answer.encode().expect("encodes");
        golden::check(KeptAnswerV1::NAME, KeptAnswerV1::VERSION, &encoded, KeptAnswer::decode, &answer);
    }
}
