//! All kinds of ledger entries, and how each is treated when a store is copied.

use std::fmt;

/// How the entries of a kind are treated when a store is copied to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnCopy {
    /// They are copied unchanged, including their expiry.
    Copied,
    /// They are secrets: opened with the key ring of the source, and sealed with the key ring of the target.
    Resealed,
    /// They are not copied: they concern the processes that use the source.
    Skipped,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $on_copy:ident;)*) => {
        /// A kind of ledger entries. Each kind belongs to one part of passbridge.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum LedgerKind {
            $($(#[$doc])* $kind,)*
            /// A kind for tests only.
            #[cfg(test)]
            Test(&'static str),
        }

        impl LedgerKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Returns the kind's name in the store. A name must never change, because stored entries would no longer be found.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                    #[cfg(test)]
                    Self::Test(name) => name,
                }
            }

            /// Returns how the kind's entries are treated when a store is copied.
            #[must_use]
            pub const fn on_copy(self) -> OnCopy {
                match self {
                    $(Self::$kind => OnCopy::$on_copy,)*
                    #[cfg(test)]
                    Self::Test(_) => OnCopy::Skipped,
                }
            }
        }
    };
}

kinds! {
    /// The master key, from which all signing keys are derived.
    SigningKey = "signing_key", Resealed;
    /// passbridge's own client credentials at a provider.
    UpstreamCredentials = "upstream_credentials", Resealed;
    /// passbridge's own access token of a provider.
    UpstreamToken = "upstream_token", Resealed;
    /// The client credentials of one device at a provider.
    DeviceCredentials = "device_credentials", Resealed;
    /// The access token of one device's client.
    DeviceToken = "device_token", Resealed;
    /// The mode (`upstream_client`) in which the latest logins at a provider were made.
    UpstreamClientMode = "upstream_client_mode", Copied;
    /// Marks that the client was registered again at a provider on this day.
    UpstreamReregistration = "upstream_reregistration", Copied;
    /// The lease of the process that is fetching a provider's token.
    UpstreamLease = "upstream_lease", Skipped;
    /// The digest of an access token that a provider issued through this server.
    RelayedToken = "relayed_token", Copied;
    /// A revocation of access tokens.
    Revocation = "revocation", Copied;
    /// The last run of a schedule and its outcome.
    TempPassSchedule = "temp_pass_schedule", Copied;
    /// The stored response to a create, under its idempotency key.
    RequestId = "request_id", Copied;
    /// The nonce of a signed request, with the address that sent it.
    RequestNonce = "request_nonce", Copied;
    /// A known device.
    Device = "device", Resealed;
    /// The device that a code belongs to.
    DeviceCode = "device_code", Resealed;
    /// The last requestor that a device has used.
    DeviceRequestor = "device_requestor", Copied;
    /// Notifies running servers that the key ring was rotated. A starting server reads the ring anyway.
    KeyRingRotation = "key_ring_rotation", Skipped;
    /// Marks that a copy from another store was started and has not completed.
    StoreCopy = "store_copy", Skipped;
}

impl fmt::Display for LedgerKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_kinds_share_a_name() {
        let names: BTreeSet<_> = LedgerKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), LedgerKind::ALL.len());
    }
}
