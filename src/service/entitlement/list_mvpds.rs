//! List: with which operators viewers of a requestor can log in.

use std::sync::Arc;

use super::EntitlementService;
use crate::{
    domain::{caller::Caller, entitlement::RequestorConfiguration, error::Result},
    service::policy::Place,
};

impl EntitlementService {
    /// What is configured for the requestor, its operators among it. Any caller may see it.
    ///
    /// # Errors
    /// `Unsupported` and those of an upstream of [`Error`](crate::domain::error::Error).
    pub async fn configuration(&self, caller: &Caller, place: &Place) -> Result<Arc<RequestorConfiguration>> {
        let connection = self.connect(caller, place)?;
        connection.entitlements()?.configuration(&connection.context, place).await
    }
}
