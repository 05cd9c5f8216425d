//! The rules for device information, the same for every face.

use super::{
    ADDITIONAL_MAX, DeviceInfo, ENCODED_MAX, FieldNaming, Key, VALUE_MAX, Warning, WarningReason, nesting,
    vocabulary,
    warning::{quote, shorten},
    wire,
};
use crate::domain::error::{Violation, first_not_plain};

/// Checks typed values.
pub(super) fn check(info: &DeviceInfo, naming: FieldNaming) -> Result<Vec<Warning>, Vec<Violation>> {
    let mut warnings = Vec::new();
    let mut violations = Vec::new();
    known_values(info, naming, &mut warnings, &mut violations);
    additional(info, naming, &mut violations);
    if !violations.is_empty() {
        return Err(violations);
    }
    warn_of_additional(info, naming, &mut warnings);
    Ok(warnings)
}

/// Checks the known keys. A field that already has a violation is not also reported as missing.
pub(super) fn known_values(
    info: &DeviceInfo,
    naming: FieldNaming,
    warnings: &mut Vec<Warning>,
    violations: &mut Vec<Violation>,
) {
    for &key in Key::ALL {
        let name = key.name(naming);
        match info.text(key) {
            Some(value) if !value.trim().is_empty() || !key.is_required() => {
                violations.extend(broken_rule(value).map(|rule| Violation::new(name, rule)));
                warnings.extend(unlisted(key, name, value));
            }
            _ if !key.is_required() || violations.iter().any(|violation| violation.field == name) => {}
            _ => violations.push(Violation::new(name, missing(key, info))),
        }
    }
}

/// Warns about each unknown key.
pub(super) fn warn_of_additional(info: &DeviceInfo, naming: FieldNaming, warnings: &mut Vec<Warning>) {
    for key in info.additional.keys() {
        let message = format!("{} is not a known key and is kept unchanged", quote(key));
        let field = additional_field(key, naming);
        warnings.push(Warning::new(&field, WarningReason::UnknownKey, message));
    }
}

fn additional(info: &DeviceInfo, naming: FieldNaming, violations: &mut Vec<Violation>) {
    let whole = match naming {
        FieldNaming::Wire => "",
        FieldNaming::Field => "additional",
    };
    let keys = info.additional.len();
    if keys > ADDITIONAL_MAX {
        violations.push(Violation::new(whole, too_many_keys(keys)));
    }
    for name in info.additional.keys() {
        if let Some(key) = Key::from_wire_name(name).or_else(|| Key::from_alias(name)) {
            let rule = format!("must not be a known key; set {} instead", key.name(naming));
            violations.push(Violation::new(additional_field(name, naming), rule));
        }
    }
    if nesting::values_are_too_deep(info.additional.values()) {
        violations.push(Violation::new(whole, nesting::TOO_DEEP));
    } else if keys > 0 && violations.is_empty() && wire::encoded_len(info) > ENCODED_MAX {
        // Known values alone cannot exceed the limit: 21 values of 1024 bytes stay below it even if every byte has to be
        // escaped.
        violations.push(Violation::new(
            whole,
            "must be smaller: the wire form must be at most 65536 bytes of base64",
        ));
    }
}

pub(super) fn too_many_keys(count: usize) -> String {
    format!("must have at most {ADDITIONAL_MAX} unknown keys, but has {count}")
}

fn broken_rule(value: &str) -> Option<String> {
    if value.len() > VALUE_MAX {
        return Some(format!("must be at most {VALUE_MAX} bytes, but is {}: {}", value.len(), quote(value)));
    }
    let control = first_not_plain(value)?;
    Some(format!(
        "must not contain control characters, but contains {} in {}",
        control.escape_unicode(),
        quote(value)
    ))
}

fn unlisted(key: Key, name: &str, value: &str) -> Option<Warning> {
    let list = vocabulary::listed(key)?;
    if value.trim().is_empty() || list.contains(&value) {
        return None;
    }
    let advice = match vocabulary::nearest(list, value) {
        Some(listed) => format!("; the listed spelling is {listed:?}"),
        None => format!("; the listed values are {}", list.join(", ")),
    };
    let message = format!("{} is not a listed value and is kept unchanged{advice}", quote(value));
    Some(Warning::new(name, WarningReason::UnlistedValue, message))
}

fn missing(key: Key, info: &DeviceInfo) -> String {
    let what = match key {
        Key::OsName => "the name of the operating system, such as Android, tvOS or Roku OS",
        _ => "the model of the device, such as AFTMM, AppleTV or Roku",
    };
    let lookalike = info.additional.keys().find(|name| vocabulary::same_word(name, key.wire_name()));
    match lookalike {
        Some(name) => {
            format!(
                "is required: {what}; {} is a different key, the spelling must match exactly",
                quote(name)
            )
        }
        None => format!("is required: {what}"),
    }
}

fn additional_field(key: &str, naming: FieldNaming) -> String {
    match naming {
        FieldNaming::Wire => shorten(key),
        FieldNaming::Field => format!("additional.{}", shorten(key)),
    }
}
