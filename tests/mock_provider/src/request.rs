//! A call to v2.

use crate::{answer::Answer, call::Call, owner::Owner, viewer};

/// A call with its client and service provider.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub call: &'a Call,
    /// The client that the access token was issued to.
    pub client: &'a str,
    pub service_provider: &'a str,
}

impl Request<'_> {
    /// The owner of the profiles, for calls that require device headers.
    pub(crate) fn owner(&self) -> Result<Owner, Answer> {
        let device = viewer::device_id(self.call)?;
        viewer::device(self.call)?;
        Ok(Owner {
            client: self.client.to_owned(),
            service_provider: self.service_provider.to_owned(),
            device,
        })
    }
}
