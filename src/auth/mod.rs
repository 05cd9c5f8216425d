//! Formats and cryptography for authentication and for secrets at rest. The authentication policy is in `service`.

pub(crate) mod caller_token;
pub(crate) mod key_ring;
pub(crate) mod key_set;
pub(crate) mod legacy_signature;
pub(crate) mod sealed_ledger;
pub(crate) mod signing_keys;
pub(crate) mod software_statement;

pub use key_ring::KeyRing;
pub use legacy_signature::SignedRequest;
pub use sealed_ledger::{Rotation, SealedLedger, SecretKind};
pub use signing_keys::{Purpose, SigningKeys};
pub use software_statement::StatementKeys;
