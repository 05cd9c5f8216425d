//! The format of a stored response: the response to a create, returned when the create is repeated with the same idempotency
//! key (`request_id`).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{FormatError, StoredFormat, code::RecordV1, decode, encode};
use crate::domain::{
    code::Code,
    device_info::{Warning, WarningReason},
    error::Violation,
    registration_code::RegistrationCode,
};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredResponse {
    /// A digest of the request. A repeat with another fingerprint reuses the key for a different request.
    pub fingerprint: [u8; 16],
    /// The created record.
    pub record: ResponseRecord,
    /// The warnings that the response contained.
    pub warnings: Vec<Warning>,
}

/// The record of a stored response.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ResponseRecord {
    /// A reference to a record that the store keeps for at least as long as the response.
    Stored { code: Code, id: Uuid },
    /// A full copy, for a record that may be replaced before the response expires.
    Whole(Box<RegistrationCode>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredResponseV1<'a> {
    fingerprint: [u8; 16],
    #[serde(borrow)]
    record: ResponseRecordV1<'a>,
    warnings: Vec<WarningV1<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
enum ResponseRecordV1<'a> {
    Stored {
        code: &'a str,
        id: [u8; 16],
    },
    #[serde(borrow)]
    Whole(Box<RecordV1<'a>>),
}

impl StoredFormat for StoredResponseV1<'_> {
    const NAME: &'static str = "kept_answer";
    const VERSION: u8 = 1;
}

#[derive(Debug, Serialize, Deserialize)]
struct WarningV1<'a> {
    field: &'a str,
    reason: WarningReasonV1,
    message: &'a str,
}

impl StoredResponse {
    /// # Errors
    /// Only if serialization fails, which cannot happen for a valid response.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, FormatError> {
        encode(&StoredResponseV1 {
            fingerprint: self.fingerprint,
            record: (&self.record).into(),
            warnings: self.warnings.iter().map(Into::into).collect(),
        })
    }

    /// # Errors
    /// If the bytes are not a valid stored response.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let StoredResponseV1 { fingerprint, record, warnings } = decode(bytes)?;
        let record = ResponseRecord::try_from(record)
            .map_err(|violation| FormatError::invalid::<StoredResponseV1<'_>>(&violation))?;
        Ok(Self { fingerprint, record, warnings: warnings.into_iter().map(Into::into).collect() })
    }
}

impl<'a> From<&'a ResponseRecord> for ResponseRecordV1<'a> {
    fn from(record: &'a ResponseRecord) -> Self {
        match record {
            ResponseRecord::Stored { code, id } => Self::Stored { code: code.as_str(), id: id.into_bytes() },
            ResponseRecord::Whole(registration) => Self::Whole(Box::new((&**registration).into())),
        }
    }
}

impl TryFrom<ResponseRecordV1<'_>> for ResponseRecord {
    type Error = Violation;

    fn try_from(record: ResponseRecordV1<'_>) -> Result<Self, Violation> {
        Ok(match record {
            ResponseRecordV1::Stored { code, id } => {
                Self::Stored { code: Code::from_canonical(code), id: Uuid::from_bytes(id) }
            }
            ResponseRecordV1::Whole(record) => Self::Whole(Box::new(RegistrationCode::try_from(*record)?)),
        })
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

/// Defines the stored form of the warning reasons and the conversions in both directions. A reason is stored as its position
/// in the list, so the order must not change.
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
    fn the_format_of_a_stored_response_is_pinned_with_each_form_of_its_record() {
        let now = Timestamp::from_millis(1_763_000_000_123);
        let registration = sample::registration(now, "NKGF4M7", Duration::from_secs(1800));
        let stored = ResponseRecord::Stored { code: registration.code.clone(), id: registration.id };
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
        for (name, record) in [("stored", stored), ("whole", ResponseRecord::Whole(Box::new(registration)))] {
            let fingerprint = std::array::from_fn(|index| index as u8);
            let answer = StoredResponse { fingerprint, record, warnings: reasons.map(warning).to_vec() };
            let encoded = answer.encode().expect("encodes");
            let name = format!("{}_{name}", StoredResponseV1::NAME);
            golden::check(&name, StoredResponseV1::VERSION, &encoded, StoredResponse::decode, &answer);
        }
    }
}
