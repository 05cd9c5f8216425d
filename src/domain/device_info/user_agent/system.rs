//! The operating system behind a User-Agent.

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

/// Reads what `uap-core` found. Systems without a listed family are left out: nothing here could say more of
/// them than their name.
pub(super) fn read(found: Option<&ValueRef<'_>>) -> Option<SystemFacts> {
    let found = found?;
    let known = operating_system::by_name(&found.os)?;
    let version = Version::from_parts(found.major.as_deref(), found.minor.as_deref(), found.patch.as_deref());
    Some(SystemFacts::new(known, version))
}
