//! Entitlements: the operators that a viewer can log in with, the login of a device, and the decisions about what it may
//! watch (reference of the device flow, section 3).

mod configuration;
mod decision;
mod login;
mod profile;
mod subject;

pub(crate) use configuration::{Mvpd, PlatformSso, RequestorConfiguration};
pub(crate) use decision::{Refusal, RefusalReason, Resource, ResourceDecision};
pub(crate) use login::{DOMAIN_NAME_MAX, LoginRequest, LoginStart, LogoutAction, REDIRECT_URL_MAX};
pub(crate) use profile::{Attribute, Profile, ProfileKind};
pub(crate) use subject::{DeviceHints, EntitlementSubject, HINT_MAX};
