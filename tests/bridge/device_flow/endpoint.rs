//! Every call of the flow, with its expected results.

use super::{client::Client, second_screen::browser};
use crate::support::http::Answer;

/// A call of the flow.
pub struct Endpoint {
    /// The documents' name of the call.
    pub name: &'static str,
    pub method: &'static str,
    /// Its path without an extension; `CODE` stands for the code.
    path: &'static str,
    /// Its parameters, in the query or, with a POST, in a form.
    parameters: &'static str,
    /// Whether a page without a token makes the call.
    is_open: bool,
    /// The status on success.
    pub success: u16,
    /// The status without a login.
    pub not_logged_in: u16,
    /// The status with an expired login.
    pub expired: u16,
    /// The status with an unknown code, if the call has a code.
    pub unknown_code: Option<u16>,
    /// The members of the JSON response; empty if it has no body of its own.
    pub members: &'static [&'static str],
    /// The root element of the XML response.
    pub root: &'static str,
}

/// How a client requests a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatSource {
    Extension,
    Parameter,
    Accept,
}

/// All ways to request a format.
pub const FORMAT_SOURCES: [FormatSource; 3] =
    [FormatSource::Extension, FormatSource::Parameter, FormatSource::Accept];

/// The calls, in the order of a typical session of a TV.
pub const ENDPOINTS: [Endpoint; 14] = [
    Endpoint {
        name: "config",
        path: "/api/v1/config/REF",
        is_open: true,
        not_logged_in: 200,
        expired: 200,
        members: &["clientType", "device", "os", "requestor"],
        root: "config",
        ..GET
    },
    Endpoint {
        name: "authenticate",
        path: "/api/v1/authenticate",
        parameters: "requestor_id=REF&mso_id=Cablevision&reg_code=CODE&domain_name=adobe.com&noflash=true\
                     &no_iframe=true&redirect_url=https%3A%2F%2Factivate.example.com%2Fdone",
        is_open: true,
        // The code is already used.
        success: 400,
        not_logged_in: 302,
        expired: 400,
        unknown_code: Some(400),
        ..GET
    },
    Endpoint {
        name: "checkauthn/{code}",
        path: "/api/v1/checkauthn/CODE",
        parameters: "requestor=REF",
        is_open: true,
        not_logged_in: 403,
        expired: 403,
        unknown_code: Some(403),
        members: &["message", "status"],
        root: "",
        ..GET
    },
    Endpoint {
        name: "authenticate/{code}",
        path: "/api/v1/authenticate/CODE",
        parameters: "requestor=REF",
        not_logged_in: 404,
        expired: 404,
        unknown_code: Some(404),
        members: &["expires", "mvpd", "requestor", "userId"],
        root: "authentication",
        ..GET
    },
    Endpoint {
        name: "checkauthn",
        path: "/api/v1/checkauthn",
        not_logged_in: 403,
        expired: 403,
        members: &["message", "status"],
        root: "",
        ..GET
    },
    Endpoint {
        name: "tokens/authn",
        path: "/api/v1/tokens/authn",
        not_logged_in: 404,
        expired: 410,
        members: &["expires", "mvpd", "requestor", "userId"],
        root: "authentication",
        ..GET
    },
    Endpoint {
        name: "authorize",
        path: "/api/v1/authorize",
        parameters: "requestor=REF&deviceId=2ab3fb02b8e2a2f2&resource=news",
        not_logged_in: 403,
        expired: 403,
        members: &["expires", "mvpd", "requestor", "resource"],
        root: "authorization",
        ..GET
    },
    Endpoint {
        name: "tokens/authz",
        path: "/api/v1/tokens/authz",
        parameters: "requestor=REF&deviceId=2ab3fb02b8e2a2f2&resource=news",
        not_logged_in: 412,
        expired: 412,
        members: &["expires", "mvpd", "requestor", "resource"],
        root: "authorization",
        ..GET
    },
    Endpoint {
        name: "tokens/media",
        path: "/api/v1/tokens/media",
        parameters: "requestor=REF&deviceId=2ab3fb02b8e2a2f2&resource=news",
        not_logged_in: 403,
        expired: 403,
        members: &["expires", "mvpdId", "requestor", "resource", "serializedToken", "userId"],
        root: "play",
        ..GET
    },
    Endpoint {
        name: "mediatoken",
        path: "/api/v1/mediatoken",
        parameters: "requestor=REF&deviceId=2ab3fb02b8e2a2f2&resource=news",
        not_logged_in: 403,
        expired: 403,
        members: &["expires", "mvpdId", "requestor", "resource", "serializedToken", "userId"],
        root: "play",
        ..GET
    },
    Endpoint {
        name: "preauthorize",
        path: "/api/v1/preauthorize",
        parameters: "requestor=REF&deviceId=2ab3fb02b8e2a2f2&resource=news,films",
        not_logged_in: 412,
        expired: 412,
        members: &["resources"],
        root: "resources",
        ..GET
    },
    Endpoint {
        name: "preauthorize/{code}",
        path: "/api/v1/preauthorize/CODE",
        parameters: "requestor=REF&resource=news,films",
        is_open: true,
        not_logged_in: 412,
        expired: 412,
        unknown_code: Some(412),
        members: &["resources"],
        root: "resources",
        ..GET
    },
    Endpoint {
        name: "tokens/usermetadata",
        path: "/api/v1/tokens/usermetadata",
        not_logged_in: 412,
        expired: 412,
        members: &["data", "encrypted", "updated"],
        root: "userMetadata",
        ..GET
    },
    LOGOUT,
];

/// Logout, which has no body and ends the login.
pub const LOGOUT: Endpoint = Endpoint {
    name: "logout",
    method: "DELETE",
    path: "/api/v1/logout",
    success: 204,
    not_logged_in: 204,
    expired: 204,
    ..GET
};

const GET: Endpoint = Endpoint {
    name: "",
    method: "GET",
    path: "",
    parameters: "requestor=REF&deviceId=2ab3fb02b8e2a2f2",
    is_open: false,
    success: 200,
    not_logged_in: 200,
    expired: 200,
    unknown_code: None,
    members: &[],
    root: "",
};

impl Endpoint {
    /// The response to the call, in this format, requested in this way.
    pub async fn ask(&self, tv: &Client<'_>, code: &str, source: FormatSource, format: &str) -> Answer {
        let page = browser(tv.bridge);
        let client = if self.is_open { &page } else { tv };
        let (path, parameters) = (self.path.replace("CODE", code), self.parameters.replace("CODE", code));
        let call = match source {
            FormatSource::Extension => client.call(self.method, &format!("{path}.{format}?{parameters}")),
            FormatSource::Parameter => {
                client.call(self.method, &format!("{path}?format={format}&{parameters}"))
            }
            FormatSource::Accept => {
                let call = client.call(self.method, &format!("{path}?{parameters}"));
                call.header("accept", format!("application/{format}"))
            }
        };
        client.send(call).await
    }
}

/// Every way to request JSON and XML.
pub fn every_format() -> impl Iterator<Item = (FormatSource, &'static str)> {
    FORMAT_SOURCES.into_iter().flat_map(|source| ["json", "xml"].map(|format| (source, format)))
}
