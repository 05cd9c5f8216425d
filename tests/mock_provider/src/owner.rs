//! Whose a profile is.

/// A client's, for a service provider, on a device. The provider ties profiles to all three: with other credentials a
/// device has none, those of another client of the same application among them (assumption).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    /// The client's id.
    pub client: String,
    /// For whom the viewer logs in.
    pub service_provider: String,
    /// The device's identifier, decoded.
    pub device: String,
}
