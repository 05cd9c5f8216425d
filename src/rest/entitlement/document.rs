//! Responses in JSON and XML. Both have the same fields; XML has a root and no namespace (reference of the device flow,
//! sections 1 and 6.2).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Serialize, Serializer};

use super::xml;
use crate::{
    config::ResponseFormat,
    domain::{
        entitlement::ResourceDecision,
        error::Error,
        id::{MvpdId, RequestorId},
        known_device::KnownLogin,
    },
    rest::format::media_type,
    service::entitlement::IssuedToken,
};

/// The body of a successful call without a result. The documents show no body, and clients read only the status.
#[derive(Serialize)]
pub(super) struct SuccessBody {
    status: u16,
    message: &'static str,
}

/// Named texts. Each format has its own documented order.
pub(super) struct TextFields<'a, const N: usize> {
    /// The root element in XML.
    root: &'static str,
    /// The fields in the order of XML.
    xml: [(&'static str, &'a str); N],
    /// The names in the order of JSON.
    json: [&'static str; N],
}

/// Named texts in this order.
struct OrderedFields<'a>(Vec<(&'static str, &'a str)>);

/// The decisions for resources.
#[derive(Serialize)]
pub(super) struct Resources<'a, E> {
    #[serde(rename = "resource")]
    pub items: Vec<ResourceItem<'a, E>>,
}

/// The same in JSON, where the list has another name.
#[derive(Serialize)]
struct JsonResources<'a, E> {
    resources: &'a [ResourceItem<'a, E>],
}

/// The decision for a resource, with the error of a denial if the requestor has enhanced errors.
#[derive(Serialize)]
pub(super) struct ResourceItem<'a, E> {
    id: &'a str,
    authorized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<E>,
}

impl SuccessBody {
    pub(super) const OK: Self = Self { status: 200, message: "OK" };
}

/// Returns a login as version 1's authentication token.
pub(super) fn authentication<'a>(
    expires: &'a str,
    login: &'a KnownLogin,
    requestor: &'a RequestorId,
) -> TextFields<'a, 4> {
    TextFields {
        root: "authentication",
        xml: [
            ("expires", expires),
            ("userId", login.user_id.as_deref().unwrap_or_default()),
            ("mvpd", login.mvpd.as_str()),
            ("requestor", requestor.as_str()),
        ],
        json: ["requestor", "mvpd", "userId", "expires"],
    }
}

/// Returns a decision as version 1's authorization token. Version 2 does not return an operator behind a proxy.
pub(super) fn authorization<'a>(
    expires: &'a str,
    mvpd: &'a MvpdId,
    requestor: &'a RequestorId,
    resource: &'a str,
) -> TextFields<'a, 4> {
    TextFields {
        root: "authorization",
        xml: [
            ("expires", expires),
            ("mvpd", mvpd.as_str()),
            ("requestor", requestor.as_str()),
            ("resource", resource),
        ],
        json: ["mvpd", "resource", "requestor", "expires"],
    }
}

/// Returns a media token, byte for byte as issued.
pub(super) fn play<'a>(
    expires: &'a str,
    issued: &'a IssuedToken,
    requestor: &'a RequestorId,
    resource: &'a str,
) -> TextFields<'a, 6> {
    TextFields {
        root: "play",
        xml: [
            ("expires", expires),
            ("mvpdId", issued.mvpd.as_str()),
            ("requestor", requestor.as_str()),
            ("resource", resource),
            ("serializedToken", &issued.token.value),
            ("userId", issued.user_id.as_deref().unwrap_or_default()),
        ],
        json: ["resource", "requestor", "expires", "serializedToken", "userId", "mvpdId"],
    }
}

impl<const N: usize> TextFields<'_, N> {
    /// Creates a response with the fields.
    pub(super) fn answer(&self, format: ResponseFormat) -> Result<Response, Error> {
        Ok(with_body(StatusCode::OK, format, self.render(format)?))
    }

    fn render(&self, format: ResponseFormat) -> Result<Vec<u8>, Error> {
        let field = |name: &&'static str| self.xml.iter().find(|field| field.0 == *name).copied();
        match format {
            ResponseFormat::Xml => xml::document(self.root, &OrderedFields(self.xml.to_vec())),
            ResponseFormat::Json => {
                let fields = OrderedFields(self.json.iter().filter_map(field).collect());
                serde_json::to_vec(&fields).map_err(internal)
            }
        }
    }
}

impl Serialize for OrderedFields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

impl<'a, E> ResourceItem<'a, E> {
    pub(super) fn new(decision: &'a ResourceDecision, error: Option<E>) -> Self {
        Self { id: &decision.resource, authorized: decision.refusal.is_none(), error }
    }
}

/// Creates a response with this document, whose XML root is `root`.
pub(super) fn document(
    root: &str,
    content: &impl Serialize,
    format: ResponseFormat,
) -> Result<Response, Error> {
    let body = match format {
        ResponseFormat::Json => serde_json::to_vec(content).map_err(internal)?,
        ResponseFormat::Xml => xml::document(root, content)?,
    };
    Ok(with_body(StatusCode::OK, format, body))
}

/// Creates a response with the decisions for resources.
pub(super) fn resources<E: Serialize>(
    resources: &Resources<'_, E>,
    format: ResponseFormat,
) -> Result<Response, Error> {
    let body = match format {
        ResponseFormat::Json => {
            serde_json::to_vec(&JsonResources { resources: &resources.items }).map_err(internal)?
        }
        ResponseFormat::Xml => xml::document("resources", resources)?,
    };
    let mut response = with_body(StatusCode::OK, format, body);
    // Only this call is documented with a charset.
    let media_type = match format {
        ResponseFormat::Json => "application/json;charset=utf-8",
        ResponseFormat::Xml => "application/xml;charset=utf-8",
    };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    Ok(response)
}

/// Creates a response with a body that must not be cached.
pub(super) fn with_body(status: StatusCode, format: ResponseFormat, body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type(format)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

fn internal(error: serde_json::Error) -> Error {
    Error::Internal(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        clock::Timestamp, entitlement::ProfileKind, known_device::LoginStanding, temp_pass::MediaToken,
    };

    const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>";

    fn mvpd() -> MvpdId {
        MvpdId::parse("mvpd", "Cable").expect("valid")
    }

    fn requestor() -> RequestorId {
        RequestorId::parse("requestor", "REF").expect("valid")
    }

    fn text<const N: usize>(fields: &TextFields<'_, N>, format: ResponseFormat) -> String {
        String::from_utf8(fields.render(format).expect("renders")).expect("UTF-8")
    }

    #[test]
    fn a_login_is_rendered_as_documented() {
        let login = KnownLogin {
            mvpd: mvpd(),
            user_id: Some("user+1=".to_owned()),
            kind: ProfileKind::Regular,
            issue_time: None,
            expire_time: None,
            seen_time: Timestamp::from_millis(0),
            code: None,
            attributes: None,
            standing: LoginStanding::Reported,
        };
        let requestor = requestor();
        let fields = authentication("1601114932000", &login, &requestor);
        assert_eq!(
            text(&fields, ResponseFormat::Json),
            r#"{"requestor":"REF","mvpd":"Cable","userId":"user+1=","expires":"1601114932000"}"#
        );
        let xml = "<authentication><expires>1601114932000</expires><userId>user+1=</userId><mvpd>Cable</mvpd>\
                   <requestor>REF</requestor></authentication>";
        assert_eq!(text(&fields, ResponseFormat::Xml), format!("{DECLARATION}{xml}"));
    }

    #[test]
    fn a_decision_is_rendered_as_documented_with_its_resource_unchanged() {
        let (mvpd, requestor) = (mvpd(), requestor());
        let fields = authorization("1", &mvpd, &requestor, "<rss a=\"b\"> é");
        assert_eq!(
            text(&fields, ResponseFormat::Json),
            r#"{"mvpd":"Cable","resource":"<rss a=\"b\"> é","requestor":"REF","expires":"1"}"#
        );
        let xml = "<authorization><expires>1</expires><mvpd>Cable</mvpd><requestor>REF</requestor>\
                   <resource>&lt;rss a=\"b\"&gt; é</resource></authorization>";
        assert_eq!(text(&fields, ResponseFormat::Xml), format!("{DECLARATION}{xml}"));
    }

    #[test]
    fn a_media_token_is_rendered_as_documented() {
        let token = MediaToken { value: "PHNpZ25hdHVyZT4+".to_owned(), start_time: None, expire_time: None };
        let issued = IssuedToken { token, mvpd: mvpd(), user_id: None };
        let requestor = requestor();
        let fields = play("1", &issued, &requestor, "r");
        assert_eq!(
            text(&fields, ResponseFormat::Json),
            r#"{"resource":"r","requestor":"REF","expires":"1","serializedToken":"PHNpZ25hdHVyZT4+","userId":"","mvpdId":"Cable"}"#
        );
        let xml = "<play><expires>1</expires><mvpdId>Cable</mvpdId><requestor>REF</requestor><resource>r</resource>\
                   <serializedToken>PHNpZ25hdHVyZT4+</serializedToken><userId/></play>";
        assert_eq!(text(&fields, ResponseFormat::Xml), format!("{DECLARATION}{xml}"));
    }
}
