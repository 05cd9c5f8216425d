//! The format of trial cells, for stores that keep the binding of each device and each generic key in its own cell.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{FormatError, StoredFormat, decode, encode};
use crate::domain::{
    clock::Timestamp,
    temp_pass::{HolderDigest, KnownTrial, ResourceId, Trial, TrialApplication},
};

/// The binding of a device or a generic key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrialCell {
    /// The TempPass's generation when the cell was bound. A binding of an earlier generation is void.
    pub generation: u64,
    pub content: TrialCellContent,
}

/// A trial is stored in the cell of the device that started it. Other cells refer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TrialCellContent {
    /// The trial itself. Its device is the cell's holder.
    Own(KnownTrial),
    /// A reference to a trial in another cell.
    Bound {
        /// The device whose cell contains the trial.
        home: HolderDigest,
        /// The trial's id. If the cell of `home` contains a trial with another id, this binding is void.
        id: Uuid,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct TrialCellV1<'a> {
    generation: u64,
    #[serde(borrow)]
    content: ContentV1<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
enum ContentV1<'a> {
    Own {
        id: [u8; 16],
        /// In milliseconds since the Unix epoch, like all times in this module.
        start_time: u64,
        forget_time: u64,
        app_id: &'a str,
        device_user: &'a str,
        #[serde(borrow)]
        resources: Vec<&'a str>,
    },
    Bound {
        home: &'a str,
        id: [u8; 16],
    },
}

impl StoredFormat for TrialCellV1<'_> {
    const NAME: &'static str = "trial_cell";
    const VERSION: u8 = 1;
}

impl TrialCell {
    /// # Errors
    /// Only if serialization fails, which cannot happen for a valid cell.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, FormatError> {
        let home = match &self.content {
            TrialCellContent::Bound { home, .. } => home.to_string(),
            TrialCellContent::Own(_) => String::new(),
        };
        let content = match &self.content {
            TrialCellContent::Own(KnownTrial { id, trial }) => ContentV1::Own {
                id: id.into_bytes(),
                start_time: trial.start_time.as_millis(),
                forget_time: trial.forget_time.as_millis(),
                app_id: &trial.application.app_id,
                device_user: &trial.application.device_user,
                resources: trial.used_resources.iter().map(ResourceId::as_str).collect(),
            },
            TrialCellContent::Bound { id, .. } => ContentV1::Bound { home: &home, id: id.into_bytes() },
        };
        encode(&TrialCellV1 { generation: self.generation, content })
    }

    /// Decodes the cell of the device or generic key `holder`.
    ///
    /// # Errors
    /// If the bytes are not a valid cell.
    pub(crate) fn decode(bytes: &[u8], holder: HolderDigest) -> Result<Self, FormatError> {
        let TrialCellV1 { generation, content } = decode(bytes)?;
        let content = match content {
            ContentV1::Bound { home, id } => {
                let digest = HolderDigest::parse(home);
                let home = digest
                    .ok_or_else(|| FormatError::new(TrialCellV1::NAME, "field home is not a digest"))?;
                TrialCellContent::Bound { home, id: Uuid::from_bytes(id) }
            }
            ContentV1::Own { id, start_time, forget_time, app_id, device_user, resources } => {
                let resources = resources.into_iter().map(|text| ResourceId::parse("resource", text));
                let used_resources = resources
                    .collect::<Result<_, _>>()
                    .map_err(|violation| FormatError::invalid::<TrialCellV1<'_>>(&violation))?;
                let trial = Trial {
                    device: holder,
                    start_time: Timestamp::from_millis(start_time),
                    forget_time: Timestamp::from_millis(forget_time),
                    application: TrialApplication {
                        app_id: app_id.to_owned(),
                        device_user: device_user.to_owned(),
                    },
                    used_resources,
                };
                TrialCellContent::Own(KnownTrial { id: Uuid::from_bytes(id), trial })
            }
        };
        Ok(Self { generation, content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::golden;

    #[test]
    fn the_format_of_a_cell_is_pinned() {
        let id = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let resource = |index| ResourceId::parse("resource", &format!("resource {index}")).expect("valid");
        let device = HolderDigest::from_bytes([7; HolderDigest::LENGTH]);
        let trial = Trial {
            device,
            start_time: Timestamp::from_millis(1_763_000_000_123),
            forget_time: Timestamp::from_millis(1_797_564_000_123),
            application: TrialApplication { app_id: "app".to_owned(), device_user: "user".to_owned() },
            used_resources: (0..2).map(resource).collect(),
        };
        let home = HolderDigest::parse("AAECAwQFBgcICQoLDA0ODw").expect("a digest");
        for (name, content) in [
            ("trial_cell_own", TrialCellContent::Own(KnownTrial { id, trial })),
            ("trial_cell_bound", TrialCellContent::Bound { home, id }),
        ] {
            let cell = TrialCell { generation: 7, content };
            let encoded = cell.encode().expect("encodes");
            golden::check(
                name,
                TrialCellV1::VERSION,
                &encoded,
                |bytes| TrialCell::decode(bytes, device),
                &cell,
            );
        }
    }
}
