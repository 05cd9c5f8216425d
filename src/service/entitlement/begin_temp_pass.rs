//! Begin: the free preview that a TempPass is.

use super::{Device, EntitlementService};
use crate::domain::{caller::Caller, error::Result, id::MvpdId};

impl EntitlementService {
    /// Has the device go on with a TempPass as if somebody had logged in with it. Whether its trial is used up shows at the first
    /// decision.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `StoreUnavailable` and those of an upstream of
    /// [`Error`](crate::domain::error::Error); `InvalidFields` where the operator is no TempPass.
    pub async fn begin_temp_pass(&self, caller: &Caller, device: Device, mvpd: MvpdId) -> Result<()> {
        let _ = (caller, device, mvpd);
        todo!()
    }
}
