//! `tokens/usermetadata`: the operator's attributes of the viewer.

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Endpoint, FlowFailure, answer, document::with_body, xml};
use crate::{
    config::ResponseFormat,
    domain::error::Error,
    rest::RestFace,
    service::entitlement::{Login, UserMetadata},
};

/// `GET /api/v1/tokens/usermetadata`
pub(super) async fn usermetadata(State(face): State<RestFace>, request: Request) -> Response {
    answer(face, request, Endpoint::UserMetadata, async |flow, mut violations| {
        let device = flow.device(&mut violations).await?;
        let device = flow.valid(device, violations).await?;
        let login = Login { device, mvpd: None };
        let metadata = flow.face.entitlement.user_metadata(&flow.identity.caller, login).await?;
        if metadata.attributes.is_empty() {
            return Err(FlowFailure::NotFound);
        }
        let content = content(metadata);
        let body = match flow.format {
            ResponseFormat::Json => {
                serde_json::to_vec(&content).map_err(|error| Error::Internal(error.to_string()))?
            }
            ResponseFormat::Xml => xml::of_json("userMetadata", &content),
        };
        Ok(with_body(StatusCode::OK, flow.format, body))
    })
    .await
}

/// Returns the documented content: the time in seconds, the names of the attributes that are encrypted for the
/// programmer, and the attributes.
fn content(metadata: UserMetadata) -> Map<String, Value> {
    let UserMetadata { mvpd, update_time, attributes } = metadata;
    let encrypted: Vec<_> = attributes
        .iter()
        .filter(|(_, attribute)| attribute.is_encrypted)
        .map(|(name, _)| Value::from(name.as_str()))
        .collect();
    let mut data: Map<String, Value> =
        attributes.into_iter().map(|(name, attribute)| (name, attribute.value)).collect();
    data.entry("mvpd").or_insert_with(|| json!(mvpd.as_str()));
    let updated = update_time.map(|time| time.as_millis() / 1_000).unwrap_or_default();
    let fields =
        [("updated", json!(updated)), ("encrypted", encrypted.into()), ("data", Value::Object(data))];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{clock::Timestamp, entitlement::Attribute, id::MvpdId};

    #[test]
    fn metadata_is_rendered_as_documented() {
        let attribute = |value, is_encrypted| Attribute { value, is_encrypted };
        let metadata = UserMetadata {
            mvpd: MvpdId::parse("mvpd", "Cable").expect("valid"),
            update_time: Some(Timestamp::from_millis(1_334_243_471_999)),
            attributes: BTreeMap::from([
                ("userID".to_owned(), attribute(json!("abc"), false)),
                ("zip".to_owned(), attribute(json!("c2VhbGVk"), true)),
            ]),
        };
        let expected = json!({
            "updated": 1_334_243_471, "encrypted": ["zip"],
            "data": { "userID": "abc", "zip": "c2VhbGVk", "mvpd": "Cable" },
        });
        assert_eq!(Value::Object(content(metadata)), expected);
    }
}
