//! The kinds of ledger entries, all in one place: what each is, and what becomes of it when a store is copied.

use std::fmt;

/// What becomes of the entries of a kind when a store is copied to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnCopy {
    /// They are copied as they are, with their ends.
    Copied,
    /// They are secrets: opened with the key ring of the one store, and sealed with that of the other.
    SealedAnew,
    /// They are about processes that run over the one store, and mean nothing elsewhere.
    Left,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $on_copy:ident;)*) => {
        /// A kind of ledger entries. No two parts of passbridge share one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum LedgerKind {
            $($(#[$doc])* $kind,)*
            /// One that only tests have.
            #[cfg(test)]
            Test(&'static str),
        }

        impl LedgerKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Its name in the store. It must never change, or what was kept is not found any more.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                    #[cfg(test)]
                    Self::Test(name) => name,
                }
            }

            /// What becomes of its entries when a store is copied.
            #[must_use]
            pub const fn on_copy(self) -> OnCopy {
                match self {
                    $(Self::$kind => OnCopy::$on_copy,)*
                    #[cfg(test)]
                    Self::Test(_) => OnCopy::Left,
                }
            }
        }
    };
}

kinds! {
    /// The master key, from which the keys of all that is signed are derived.
    SigningKey = "signing_key", SealedAnew;
    /// What a provider knows us by.
    UpstreamCredentials = "upstream_credentials", SealedAnew;
    /// An access token of a provider's.
    UpstreamToken = "upstream_token", SealedAnew;
    /// What a provider knows the client of one device by.
    DeviceCredentials = "device_credentials", SealedAnew;
    /// An access token of such a client.
    DeviceToken = "device_token", SealedAnew;
    /// As how many clients of a provider's logins were made last.
    UpstreamClientMode = "upstream_client_mode", Copied;
    /// That a registration at a provider was made anew on this day.
    UpstreamReregistration = "upstream_reregistration", Copied;
    /// Who gets a provider's token at the moment.
    UpstreamLease = "upstream_lease", Left;
    /// A digest of an access token that a provider issued through here.
    RelayedToken = "relayed_token", Copied;
    /// What was taken back.
    Revocation = "revocation", Copied;
    /// When a schedule ran last, and what came of it.
    TempPassSchedule = "temp_pass_schedule", Copied;
    /// The answer to a create, for its repeats.
    RequestId = "request_id", Copied;
    /// That a signed request was seen, and from where.
    RequestNonce = "request_nonce", Copied;
    /// What is known of a device.
    Device = "device", SealedAnew;
    /// Which device a code belongs to.
    DeviceCode = "device_code", SealedAnew;
    /// Which requestor a device has asked for last.
    DeviceRequestor = "device_requestor", Copied;
    /// Tells the servers that run that the key ring was rotated. Each that starts reads the ring.
    KeyRingRotation = "key_ring_rotation", Left;
    /// That a copy of another store was begun here, and has not come to its end.
    StoreCopy = "store_copy", Left;
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
