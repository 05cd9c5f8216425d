//! The kinds of secrets that are sealed.

use crate::domain::ledger_kind::LedgerKind;

/// A kind of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretKind {
    /// The installation's master key.
    SigningKey,
    /// passbridge's own client credentials at a provider.
    UpstreamCredentials,
    /// passbridge's own access token of a provider.
    UpstreamToken,
    /// The client credentials of one device at a provider.
    DeviceCredentials,
    /// The access token of one device's client.
    DeviceToken,
    /// A known device.
    Device,
    /// The device that a code belongs to.
    DeviceCode,
}

impl SecretKind {
    pub(super) const ALL: [Self; 7] = [
        Self::SigningKey,
        Self::UpstreamCredentials,
        Self::UpstreamToken,
        Self::DeviceCredentials,
        Self::DeviceToken,
        Self::Device,
        Self::DeviceCode,
    ];

    /// Returns the kind of the ledger entries. Its name is part of the sealing context.
    #[must_use]
    pub const fn ledger_kind(self) -> LedgerKind {
        match self {
            Self::SigningKey => LedgerKind::SigningKey,
            Self::UpstreamCredentials => LedgerKind::UpstreamCredentials,
            Self::UpstreamToken => LedgerKind::UpstreamToken,
            Self::DeviceCredentials => LedgerKind::DeviceCredentials,
            Self::DeviceToken => LedgerKind::DeviceToken,
            Self::Device => LedgerKind::Device,
            Self::DeviceCode => LedgerKind::DeviceCode,
        }
    }

    /// Returns the kind of secrets in ledger entries of `kind`; `None` if they are not sealed.
    #[must_use]
    pub fn of(kind: LedgerKind) -> Option<Self> {
        Self::ALL.into_iter().find(|secret| secret.ledger_kind() == kind)
    }

    /// Returns the plural of the kind, for the operator.
    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Self::SigningKey => "signing keys",
            Self::UpstreamCredentials => "credentials at upstreams",
            Self::UpstreamToken => "access tokens of upstreams",
            Self::DeviceCredentials => "credentials of devices",
            Self::DeviceToken => "access tokens of devices",
            Self::Device => "known devices",
            Self::DeviceCode => "codes of known devices",
        }
    }

    /// Whether the operator can identify a secret by its name. The names of devices are digests, and there may be a million.
    pub(super) const fn has_telling_names(self) -> bool {
        match self {
            Self::SigningKey | Self::UpstreamCredentials | Self::UpstreamToken => true,
            Self::DeviceCredentials | Self::DeviceToken | Self::Device | Self::DeviceCode => false,
        }
    }

    /// Describes the secret of this name for the operator. The names of an upstream's secrets start with the environment and the
    /// provider's origin.
    pub(crate) fn describe(self, name: &[u8]) -> String {
        let what = match self {
            Self::SigningKey => return "the signing key".to_owned(),
            Self::UpstreamCredentials => "the credentials",
            Self::UpstreamToken => "the access token",
            Self::DeviceCredentials => "the credentials of a device",
            Self::DeviceToken => "the access token of a device",
            Self::Device => return format!("the known device {}", hex(name)),
            Self::DeviceCode => return format!("the code of a known device {}", hex(name)),
        };
        let mut parts = name.splitn(3, |byte| *byte == 0).map(String::from_utf8_lossy);
        let (environment, origin) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        format!("{what} of the environment {environment:?} at {origin}")
    }
}

/// Returns the first bytes of a digest, enough to distinguish it from others.
fn hex(name: &[u8]) -> String {
    name.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
