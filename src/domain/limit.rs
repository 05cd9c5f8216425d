//! How often something may be done, and by whom: what the port [`Limits`](super::port::Limits) keeps.

use std::{fmt, sync::Arc, time::Duration};

use super::{address::Address, address_block::AddressBlock, id::EnvironmentName};

/// How fast a bucket leaks, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval: Duration,
    burst: u32,
}

impl Rate {
    /// `calls` in each `period`, and at most `burst` of them at once; both at least one.
    #[must_use]
    pub fn new(calls: u32, period: Duration, burst: u32) -> Self {
        Self { interval: period / calls.max(1), burst: burst.max(1) }
    }

    /// In what time one leaks out.
    #[must_use]
    pub fn interval(self) -> Duration {
        self.interval
    }

    /// How many fit in at once; at least one.
    #[must_use]
    pub fn burst(self) -> u32 {
        self.burst
    }
}

/// What is limited, and whose bucket it is. Each kind has memory of its own: a flood of one takes no room from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LimitKey {
    /// Calls of the REST API from a line.
    Calls(AddressBlock),
    /// Calls of gRPC from a line.
    GrpcCalls(AddressBlock),
    /// Codes that are made for a device, by the line and a digest of the device's id.
    Creates(AddressBlock, u128),
    /// Creates that were given up before their answer, by the listed caller, where it is one, and the line.
    AbandonedCreates(Option<Arc<str>>, AddressBlock),
    /// Wrong codes that were typed on a line (an IPv4 address or an IPv6 /64).
    MissesOfLine(AddressBlock),
    /// The same of an IPv6 /56.
    MissesOfSite(AddressBlock),
    /// The same of an IPv6 /48.
    MissesOfNetwork(AddressBlock),
    /// Wrong codes of a caller who does not say who typed, by the caller's name.
    MissesOfCaller(Arc<str>),
    /// Calls to the upstream of an environment, by the device that they are about.
    UpstreamCalls(EnvironmentName, Address),
    /// Readings of an issuer's keys that calls have asked for, by the issuer's name.
    KeyReadings(Arc<str>),
    /// Entries of the audit log about calls that were refused.
    AuditedRefusals,
}

/// What somebody has done too often, as callers and operators know the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Throttled {
    /// Calls of an address, over REST.
    RestAddress,
    /// Calls of an address, over gRPC.
    GrpcAddress,
    /// Creates for one device.
    Device,
    /// Creates that were given up before their answer.
    AbandonedCreates,
}

impl Throttled {
    /// The limit's name: its key in the configuration, where it has one.
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
            Self::AbandonedCreates => "creates that were given up before their answer",
        })
    }
}

/// What only so many may be open of at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Countable {
    /// Watches of codes.
    Watches,
    /// Streams of resets.
    Batches,
    /// Connections of callers.
    Connections,
}

impl Countable {
    /// The key of the limit under `[grpc]`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Watches => "max_watches",
            Self::Batches => "max_batches",
            Self::Connections => "max_connections",
        }
    }
}

impl fmt::Display for Countable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Watches => "watches",
            Self::Batches => "batches",
            Self::Connections => "connections",
        })
    }
}

/// A bucket, and how it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Which bucket.
    pub key: LimitKey,
    /// What it takes.
    pub rate: Rate,
}

/// Whether there is room, or after what time there is.
pub type Room = Result<(), Duration>;
