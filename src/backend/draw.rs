//! Issues codes of our own: draws random codes until one is free.

use crate::domain::{
    backend::{Issuance, IssuedCode, ResponseRecorder},
    clock::Timestamp,
    code::CodeFormat,
    device_info::Warning,
    error::{Error, Result},
    port::{Codes, Insertion},
    randomness::Randomness,
    registration_code::RegistrationCode,
};

/// The maximum number of draws for one code. The format has 1000 codes for each code that may be live, so even
/// a full environment needs a second draw only once in a thousand calls.
const DRAWS: usize = 32;

/// Draws codes and inserts them into the store.
pub(super) struct CodeDraw<'a> {
    pub codes: &'a dyn Codes,
    pub format: &'a CodeFormat,
    pub randomness: &'a dyn Randomness,
    /// The maximum number of live codes in an environment.
    pub max_live: u64,
}

impl CodeDraw<'_> {
    /// Gives the record a free code and stores it, in one commit with the response if `keep` is given.
    pub(super) async fn issue(
        &self,
        mut registration: Box<RegistrationCode>,
        warnings: Vec<Warning>,
        keep: Option<&dyn ResponseRecorder>,
        now: Timestamp,
    ) -> Result<Issuance> {
        for _ in 0..DRAWS {
            registration.code = self.format.draw(self.randomness)?;
            let entry = match keep {
                Some(keep) => Some((keep.key(), keep.entry(&registration, &warnings)?)),
                None => None,
            };
            match self.codes.insert_if_absent(&registration, self.max_live, entry).await? {
                Insertion::Inserted => {
                    let issued = IssuedCode { registration, warnings, is_kept: keep.is_some() };
                    return Ok(Issuance::Issued(issued));
                }
                Insertion::Repeated(entry) => return Ok(Issuance::Repeated(entry)),
                Insertion::Taken => {}
                Insertion::Full { next_expiry } => {
                    return Err(Error::LiveCodesExhausted {
                        limit: self.max_live,
                        retry_after: next_expiry.since(now),
                    });
                }
            }
        }
        Err(Error::Internal(format!("no free code found in {DRAWS} draws")))
    }
}
