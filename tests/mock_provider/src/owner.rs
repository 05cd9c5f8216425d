//! The owner of a profile.

/// A client, a service provider and a device. The provider binds profiles to all three: with other credentials, even those
/// of another client of the same application, a device has no profiles (assumption).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    /// The client's id.
    pub client: String,
    pub service_provider: String,
    /// The decoded device identifier.
    pub device: String,
}
