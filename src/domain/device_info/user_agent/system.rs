//! The operating system of a User-Agent.

use ua_parser::os::ValueRef;

use super::super::{
    Version,
    operating_system::{self, System},
};

/// The operating system that a User-Agent names.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct SystemFacts {
    pub(in super::super) name: &'static str,
    pub(in super::super) family: Option<&'static str>,
    pub(in super::super) vendor: Option<&'static str>,
    pub(in super::super) version: Version,
}

impl SystemFacts {
    pub(super) const fn new(system: &System, version: Version) -> Self {
        Self { name: system.name, family: system.family, vendor: system.vendor, version }
    }
}

/// Maps the result of `uap-core`. Skips systems without a listed family, about which nothing but the name is known.
pub(super) fn read(found: Option<&ValueRef<'_>>) -> Option<SystemFacts> {
    let found = found?;
    let known = operating_system::by_name(&found.os)?;
    let version = Version::from_parts(found.major.as_deref(), found.minor.as_deref(), found.patch.as_deref());
    Some(SystemFacts::new(known, version))
}
