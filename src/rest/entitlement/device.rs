//! Reading of a call's device, requestor and resource (reference of the device flow, sections 1.0 and 4.2).

use axum::extract::{Path, rejection::PathRejection};

use super::{
    EntitlementCall, FlowFailure,
    parameters::{split_resources, temp_pass_identity},
};
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
        identity::record_nonce,
        regcode::{device_info, hints, legacy, missing, user_agent},
    },
    service::{
        entitlement::{DeviceContext, UNKNOWN_DEVICE},
        registration::Lookup,
    },
};

/// The maximum number of resources in a call. The provider may have a lower limit, which it applies itself.
const RESOURCES_MAX: usize = Resource::COUNT_MAX;

/// The parameter names of the requestor. Calls of browsers use the second one.
const REQUESTOR: [&str; 2] = ["requestor", "requestor_id"];

impl EntitlementCall<'_> {
    /// Returns the device of the call. Its information is optional: deployed clients send none.
    pub(super) async fn device(
        &self,
        violations: &mut Violations,
    ) -> Result<Option<DeviceContext>, FlowFailure> {
        let Self { call, parameters, .. } = self;
        let id = self.device_id(violations);
        let legacy = legacy(parameters, violations);
        let id = id.map(|id| id.scoped(&legacy.app_id, &legacy.device_user));
        let place = self.place(id.as_ref(), violations).await?;
        let info = device_info(call, parameters, violations).map(|(info, _)| info);
        let user_agent = user_agent(call, violations);
        let hints = hints(call, parameters, violations);
        let temp_pass_identity = self.identity(violations);
        // Clients that send nothing about themselves are served too.
        let is_undescribed = user_agent.is_empty() && legacy.device_type.is_empty();
        let device_type = if is_undescribed { UNKNOWN_DEVICE.to_owned() } else { legacy.device_type };
        Ok(place.zip(id).map(|(place, id)| DeviceContext {
            place,
            id,
            may_be_scoped: legacy.app_id.is_empty() && legacy.device_user.is_empty(),
            info,
            user_agent,
            device_type,
            ip: Some(call.addresses.device),
            temp_pass_identity,
            hints,
        }))
    }

    fn device_id(&self, violations: &mut Violations) -> Option<DeviceId> {
        let count_before = violations.count();
        match self.parameters.filled("deviceId", violations) {
            Some(text) => violations.take(DeviceId::parse("deviceId", text)),
            None => {
                if violations.count() == count_before {
                    violations.add("", missing("deviceId"));
                }
                None
            }
        }
    }

    /// Returns the host's environment and the requestor: the one in the parameters; otherwise the only one of the
    /// client; otherwise the last one of the device's calls.
    pub(super) async fn place(
        &self,
        device_id: Option<&DeviceId>,
        violations: &mut Violations,
    ) -> Result<Option<Place>, FlowFailure> {
        let count_before = violations.count();
        let environment = &self.call.environment;
        let named = REQUESTOR.map(|name| Some((name, self.parameters.filled(name, violations)?)));
        if let [Some((name, one)), Some((_, other))] = named
            && one != other
        {
            violations.add(name, "must be the same as requestor_id; send only one of them");
        }
        if violations.count() > count_before {
            return Ok(None);
        }
        let named = named.into_iter().flatten().next();
        if let Some((field, text)) = named {
            return Ok(self.place_of(field, text, violations));
        }
        let mut requestor = self.identity.caller.only_requestor().cloned();
        if let (None, Some(device_id)) = (&requestor, device_id) {
            requestor = self.face.entitlement.requestor_of(environment, device_id).await?;
        }
        let Some(requestor) = requestor else {
            violations.add("", missing(self.endpoint.requestor_name()));
            return Ok(None);
        };
        Ok(self.place_of("requestor", requestor.as_str(), violations))
    }

    /// Returns the viewer's identity for a promotional TempPass.
    pub(super) fn identity(&self, violations: &mut Violations) -> Option<SecretText> {
        let text = self.parameters.filled("generic_data", violations)?;
        violations.take(temp_pass_identity("generic_data", text))
    }

    /// Returns the resource to watch, byte for byte.
    pub(super) fn resource(&self, violations: &mut Violations) -> Option<Resource> {
        let text = self.parameters.filled("resource", violations).unwrap_or_default();
        violations.take(Resource::parse("resource", text))
    }

    /// Returns the resources of a comma-separated list. Commas inside a document belong to it.
    ///
    /// # Errors
    /// There are too many.
    pub(super) fn resources(&self, violations: &mut Violations) -> Result<Vec<Resource>, FlowFailure> {
        let text = self.parameters.filled("resource", violations).unwrap_or_default();
        let mut named = split_resources(text);
        if named.len() > RESOURCES_MAX {
            return Err(FlowFailure::TooManyResources);
        }
        if named.is_empty() {
            named.push("");
        }
        let parsed = named.into_iter().filter_map(|text| violations.take(Resource::parse("resource", text)));
        Ok(parsed.collect())
    }

    /// Returns the lookup of the code in the path.
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

    /// Returns the value if the whole call is valid. Then records the nonce of a signed call.
    ///
    /// # Errors
    /// The violations of the call.
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
        record_nonce(self.face, self.identity, self.call.addresses.client).await?;
        Ok(value)
    }
}
