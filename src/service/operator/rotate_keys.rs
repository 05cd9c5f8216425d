//! Reseals every secret with the first key of the key ring.

use super::{Operator, OperatorService};
use crate::{auth::Rotation, config, domain::error::Result};

impl OperatorService {
    /// Rereads the key ring, which has a new key, and rotates to it.
    pub(super) async fn rotate_keys(&self, operator: &Operator) -> Result<Rotation> {
        let rotated = match config::read_key_ring(self.key_ring.as_deref()) {
            Ok(key_ring) => self.secrets.rotate(key_ring).await,
            Err(violation) => Err(violation.into()),
        };
        if let Ok(Rotation { key, resealed, secrets }) = &rotated {
            tracing::info!(key, resealed, secrets, "keys rotated");
        }
        self.record("keys_rotated", operator, rotated.as_ref().ok(), &rotated).await;
        rotated
    }
}
