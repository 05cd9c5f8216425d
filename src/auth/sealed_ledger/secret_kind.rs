//! What is sealed.

use crate::domain::ledger_kind::LedgerKind;

/// What is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretKind {
    /// The installation's master key.
    SigningKey,
    /// What a provider knows us by.
    UpstreamCredentials,
    /// An access token of a provider's.
    UpstreamToken,
    /// What a provider knows the client of one device by.
    DeviceCredentials,
    /// An access token of such a client.
    DeviceToken,
    /// What is known of a device.
    Device,
    /// Which device a code belongs to.
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

    /// The kind of the ledger entries. Its name stands in what is sealed.
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

    /// What is sealed in entries of this kind, if they are.
    #[must_use]
    pub fn of(kind: LedgerKind) -> Option<Self> {
        Self::ALL.into_iter().find(|secret| secret.ledger_kind() == kind)
    }

    /// All of the kind, for the operator.
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

    /// Whether the operator can tell one from another. Devices have digests for names, and there may be a million.
    pub(super) const fn has_telling_names(self) -> bool {
        match self {
            Self::SigningKey | Self::UpstreamCredentials | Self::UpstreamToken => true,
            Self::DeviceCredentials | Self::DeviceToken | Self::Device | Self::DeviceCode => false,
        }
    }

    /// The secret of this name, for the operator. The name of what belongs to an upstream has the environment and the
    /// provider's origin in front.
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

/// The first bytes of a digest: enough to tell it from others.
fn hex(name: &[u8]) -> String {
    name.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
