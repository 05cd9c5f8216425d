//! Rate limits and quotas: the values of the port [`Limits`](super::port::Limits).

use std::{fmt, sync::Arc, time::Duration};

use super::{address::Address, address_block::AddressBlock, id::EnvironmentName};

/// The leak rate and the capacity of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval: Duration,
    burst: u32,
}

impl Rate {
    /// Creates a rate of `calls` per `period`, with at most `burst` calls at once. Values below one count as one.
    #[must_use]
    pub fn new(calls: u32, period: Duration, burst: u32) -> Self {
        Self { interval: period / calls.max(1), burst: burst.max(1) }
    }

    /// Returns the time in which one call leaks out.
    #[must_use]
    pub fn interval(self) -> Duration {
        self.interval
    }

    /// Returns the capacity in calls; at least one.
    #[must_use]
    pub fn burst(self) -> u32 {
        self.burst
    }
}

/// The kind and the owner of a bucket. Each kind has its own memory, so that a flood of one kind does not evict another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LimitKey {
    /// REST calls from an access line.
    Calls(AddressBlock),
    /// gRPC calls from an access line.
    GrpcCalls(AddressBlock),
    /// Creates for a device, by the access line and a digest of the device's id.
    Creates(AddressBlock, u128),
    /// Creates that the client abandoned before the response, by the configured caller, if any, and the access line.
    AbandonedCreates(Option<Arc<str>>, AddressBlock),
    /// Failed lookups from an access line (an IPv4 address or an IPv6 /64).
    MissesOfLine(AddressBlock),
    /// Failed lookups from an IPv6 /56.
    MissesOfSite(AddressBlock),
    /// Failed lookups from an IPv6 /48.
    MissesOfNetwork(AddressBlock),
    /// Failed lookups of a caller that does not send the viewer's address, by the caller's name.
    MissesOfCaller(Arc<str>),
    /// Calls to the upstream of an environment, by the address of the device that they are about.
    UpstreamCalls(EnvironmentName, Address),
    /// Fetches of an issuer's keys that calls have caused, by the issuer's name.
    KeyReadings(Arc<str>),
    /// Audit entries about refused calls.
    AuditedRefusals,
}

/// A rate limit, as callers and operators know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Throttled {
    /// REST calls from one address.
    RestAddress,
    /// gRPC calls from one address.
    GrpcAddress,
    /// Creates for one device.
    Device,
    /// Creates that the client abandoned before the response.
    AbandonedCreates,
}

impl Throttled {
    /// Returns the limit's name: its configuration key, if it has one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RestAddress => "rest.address_limit",
            Self::GrpcAddress => "grpc.address_limit",
            Self::Device => "creates_per_device",
            Self::AbandonedCreates => "abandoned_creates",
        }
    }
}

impl fmt::Display for Throttled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::RestAddress | Self::GrpcAddress => "calls from one address",
            Self::Device => "creates for one device",
            Self::AbandonedCreates => "creates that were abandoned before the response",
        })
    }
}

/// A resource with a limit on how many are open at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitedResource {
    /// Watches of codes.
    Watches,
    /// Batch resets.
    Batches,
    /// Connections of callers.
    Connections,
}

impl LimitedResource {
    /// Returns the limit's configuration key in `[grpc]`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Watches => "max_watches",
            Self::Batches => "max_batches",
            Self::Connections => "max_connections",
        }
    }
}

impl fmt::Display for LimitedResource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Watches => "watches",
            Self::Batches => "batches",
            Self::Connections => "connections",
        })
    }
}

/// A bucket and its rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The bucket.
    pub key: LimitKey,
    /// The bucket's rate.
    pub rate: Rate,
}

/// `Ok` if there is room; else the time after which there is.
pub type LimitResult = Result<(), Duration>;
