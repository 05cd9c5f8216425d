//! Single sign-on with a partner, v2. Apple is the only partner.

mod fallback;
mod profile;
mod session;
mod status;

use crate::{answer::Answer, problem};

pub(crate) use profile::exchange;
pub(crate) use session::create;
pub(crate) use status::PartnerStatus;

fn check_partner(partner: &str) -> Result<(), Answer> {
    if partner == "Apple" { Ok(()) } else { Err(problem::INVALID_PARTNER.answer()) }
}
