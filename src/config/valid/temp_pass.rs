//! TempPasses, checked.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::{TempPassConfig, TempPassKind},
    domain::{
        error::{Violation, Violations},
        id::MvpdId,
        temp_pass::{RESOURCES_MAX, RETENTION_DEFAULT, TempPassRule},
    },
};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Ten years, longer than any trial.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The samples that every requestor has if no requestor is configured.
pub(super) fn sample(mvpd: &MvpdId) -> Option<TempPassRule> {
    let rule = |hours, max_resources| TempPassRule {
        ttl: HOUR * hours,
        max_resources,
        retention: RETENTION_DEFAULT,
    };
    match mvpd.as_str() {
        "TempPass" => Some(rule(4, None)),
        "TempPassREF" => Some(rule(24, Some(5))),
        _ => None,
    }
}

/// The TempPasses of the requestor that is configured under `path`.
pub(super) fn rules(
    path: &str,
    config: &BTreeMap<String, TempPassConfig>,
) -> Result<BTreeMap<MvpdId, TempPassRule>, Vec<Violation>> {
    let mut violations = Violations::default();
    let mut rules = BTreeMap::new();
    for (mvpd, temp_pass) in config {
        let path = format!("{path}.temp_passes.{mvpd}");
        let mvpd = violations.take(MvpdId::parse(&path, mvpd));
        let rule = violations.take_all(rule(&path, temp_pass));
        rules.extend(mvpd.zip(rule));
    }
    violations.none_or(rules)
}

fn rule(path: &str, config: &TempPassConfig) -> Result<TempPassRule, Vec<Violation>> {
    let mut violations = Violations::default();
    let TempPassConfig { kind, ttl, max_resources, retention } = config;
    if !(Duration::from_secs(1)..=LONGEST).contains(&ttl.0) {
        violations.add(&format!("{path}.ttl"), format!("must be 1s to 10 years, but is {ttl}"));
    }
    if retention.0 > LONGEST {
        violations.add(&format!("{path}.retention"), format!("must be at most 10 years, but is {retention}"));
    }
    let field = format!("{path}.max_resources");
    match (kind, max_resources) {
        (TempPassKind::Basic, None) | (TempPassKind::Promotional, Some(1..=RESOURCES_MAX)) => {}
        (TempPassKind::Basic, Some(_)) => {
            violations.add(&field, "must not be set for a basic TempPass, which has no limit on resources");
        }
        (TempPassKind::Promotional, Some(count)) => {
            violations.add(&field, format!("must be 1 to {RESOURCES_MAX}, but is {count}"));
        }
        (TempPassKind::Promotional, None) => {
            violations.add(&field, "is required: the number of resources that a promotional trial can use");
        }
    }
    let rule = TempPassRule { ttl: ttl.0, max_resources: *max_resources, retention: retention.0 };
    violations.none_or(rule)
}
