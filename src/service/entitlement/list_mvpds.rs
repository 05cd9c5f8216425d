//! List: the operators that viewers of a requestor can log in with.

use std::sync::Arc;

use super::EntitlementService;
use crate::{
    domain::{caller::Caller, entitlement::RequestorConfiguration, error::Result},
    service::policy::Place,
};

impl EntitlementService {
    /// The requestor's configuration at the upstream, including its operators. Available to any caller.
    ///
    /// # Errors
    /// `Unsupported` and those of an upstream of [`Error`](crate::domain::error::Error).
    pub async fn configuration(&self, caller: &Caller, place: &Place) -> Result<Arc<RequestorConfiguration>> {
        let connection = self.connect(caller, place)?;
        connection.entitlements()?.configuration(&connection.context, place).await
    }
}
