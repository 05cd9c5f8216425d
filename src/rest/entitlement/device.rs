//! What a call is about: the device, its requestor, and the resource (reference of the device flow, sections 1.0 and 4.2).

use std::borrow::Cow;

use axum::extract::{Path, rejection::PathRejection};
use serde_json::Value;

use super::{Asked, FlowFailure};
use crate::{
    domain::{
        code::check_typed,
        entitlement::Resource,
        error::{Error, Violation, Violations},
        id::{DeviceId, Place},
        secret::SecretText,
    },
    rest::{
        format::split_extension,
        identity::count,
        regcode::{device_info, hints, legacy, missing, user_agent},
    },
    service::{entitlement::Device, registration::Lookup},
};

/// The longest identity of a promotional TempPass's viewer, in bytes.
const IDENTITY_MAX: usize = 2 * 1024;

/// How many resources are asked about at once at most: what is more is refused here, and what is more than the provider takes
/// by it.
const RESOURCES_MAX: usize = Resource::COUNT_MAX;

impl Asked<'_> {
    /// The device that the call is about. What it says of itself is optional: clients in the field say nothing.
    pub(super) async fn device(&self, violations: &mut Violations) -> Result<Option<Device>, FlowFailure> {
        let Self { call, parameters, .. } = self;
        let id = self.device_id(violations);
        let legacy = legacy(parameters, violations);
        let id = id.map(|id| id.scoped(&legacy.app_id, &legacy.device_user));
        let place = self.place(id.as_ref(), violations).await?;
        let info = device_info(call, parameters, violations).map(|(info, _)| info);
        let user_agent = user_agent(call, violations);
        let hints = hints(call, parameters, violations);
        let temp_pass_identity = self.identity(violations);
        Ok(place.zip(id).map(|(place, id)| Device {
            place,
            id,
            info,
            user_agent,
            device_type: legacy.device_type,
            ip: Some(call.addresses.device),
            temp_pass_identity,
            hints,
        }))
    }

    fn device_id(&self, violations: &mut Violations) -> Option<DeviceId> {
        let noted = violations.count();
        match self.parameters.filled("deviceId", violations) {
            Some(text) => violations.take(DeviceId::parse("deviceId", text)),
            None => {
                if violations.count() == noted {
                    violations.add("", missing("deviceId"));
                }
                None
            }
        }
    }

    /// The environment that the host means, and the requestor: the one that is named; else that of the client, where it has only
    /// one; else the last one that the device has asked for.
    pub(super) async fn place(
        &self,
        device_id: Option<&DeviceId>,
        violations: &mut Violations,
    ) -> Result<Option<Place>, FlowFailure> {
        let noted = violations.count();
        let environment = &self.call.environment;
        let named = ["requestor", "requestor_id"]
            .into_iter()
            .find_map(|name| Some((name, self.parameters.filled(name, violations)?)));
        if violations.count() > noted {
            return Ok(None);
        }
        let policy = self.face.policy.load();
        if let Some((field, text)) = named {
            let place = policy.place(("environment", environment.as_str()), (field, text));
            return Ok(violations.take_all(place));
        }
        let mut requestor = self.identity.caller.only_requestor().cloned();
        if let (None, Some(device_id)) = (&requestor, device_id) {
            requestor = self.face.entitlement.requestor_of(environment, device_id).await?;
        }
        let Some(requestor) = requestor else {
            violations.add("", missing("requestor"));
            return Ok(None);
        };
        let place = policy.place(("environment", environment.as_str()), ("requestor", requestor.as_str()));
        Ok(violations.take_all(place))
    }

    /// By what a promotional TempPass knows the viewer: a small JSON object. In print its braces are parentheses, which clients
    /// have copied.
    pub(super) fn identity(&self, violations: &mut Violations) -> Option<SecretText> {
        let text = self.parameters.filled("generic_data", violations)?.trim();
        violations.check_length("generic_data", text, IDENTITY_MAX);
        let inside = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        let object = inside.map_or(Cow::Borrowed(text), |inside| Cow::Owned(format!("{{{inside}}}")));
        if serde_json::from_str::<Value>(&object).is_ok_and(|value| value.is_object()) {
            return Some(SecretText::from(object.into_owned()));
        }
        violations.add("generic_data", "is no JSON object, such as {\"email\":\"…\"}");
        None
    }

    /// What is to be watched, kept byte for byte.
    pub(super) fn resource(&self, violations: &mut Violations) -> Option<Resource> {
        let text = self.parameters.filled("resource", violations).unwrap_or_default();
        violations.take(Resource::parse("resource", text))
    }

    /// What is to be looked at: a list with commas between, of which those inside of a document belong to it.
    pub(super) fn resources(&self, violations: &mut Violations) -> Vec<Resource> {
        let text = self.parameters.filled("resource", violations).unwrap_or_default();
        let named = split(text);
        if named.len() > RESOURCES_MAX {
            let text =
                format!("has {} resources; at most {RESOURCES_MAX} are looked at at once", named.len());
            violations.add("resource", text);
            return Vec::new();
        }
        let parsed = named.into_iter().filter_map(|text| violations.take(Resource::parse("resource", text)));
        parsed.collect()
    }

    /// The code of the path, and who asks for it.
    pub(super) async fn lookup(
        &self,
        code: Result<Path<String>, PathRejection>,
        violations: &mut Violations,
    ) -> Result<Option<Lookup>, FlowFailure> {
        let Path(code) =
            code.map_err(|_| Error::InvalidFields(vec![Violation::new("", "the path is not UTF-8")]))?;
        let typed = split_extension(&code).0;
        violations.take(check_typed("code", typed));
        let place = self.place(None, violations).await?;
        Ok(place.map(|place| Lookup {
            place,
            typed: typed.to_owned(),
            viewer: Some(self.call.addresses.client),
        }))
    }

    /// What the call is about where all of it is valid. Its signature counts from then on.
    ///
    /// # Errors
    /// What is wrong with the call.
    pub(super) async fn valid<T>(
        &self,
        value: Option<T>,
        mut violations: Violations,
    ) -> Result<T, FlowFailure> {
        let value = match value {
            Some(value) if violations.is_empty() => value,
            _ => {
                self.parameters.check_body(&mut violations);
                return Err(violations.into_error().into());
            }
        };
        count(self.face, self.identity, self.call.addresses.client).await?;
        Ok(value)
    }
}

/// The resources of a list. A comma inside of a document, from its first `<` to the `>` that closes it, separates nothing.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    let mut previous = ' ';
    let mut tag = None;
    for (index, character) in text.char_indices() {
        match character {
            '<' => tag = Some(text[index + 1..].chars().next()),
            '>' => match tag.take() {
                Some(Some('/')) => depth = depth.saturating_sub(1),
                Some(Some('?' | '!')) | None => {}
                Some(_) if previous == '/' => {}
                Some(_) => depth += 1,
            },
            ',' if depth == 0 && tag.is_none() => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
        previous = character;
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_split_outside_of_documents() {
        let rss = "<rss version=\"2.0\"><channel><title>A, B</title><item/></channel></rss>";
        assert_eq!(split("news,sports"), ["news", "sports"]);
        assert_eq!(split("news"), ["news"]);
        assert_eq!(split(""), [""]);
        assert_eq!(split("a,,b"), ["a", "", "b"]);
        assert_eq!(split(&format!("{rss},news,{rss}")), [rss, "news", rss]);
        assert_eq!(split("<a b=\"1,2\"/>,c"), ["<a b=\"1,2\"/>", "c"]);
        assert_eq!(split("<?xml version=\"1.0\"?><a>1,2</a>,c"), ["<?xml version=\"1.0\"?><a>1,2</a>", "c"]);
        assert_eq!(split("<a>never closed, b"), ["<a>never closed, b"]);
    }
}
