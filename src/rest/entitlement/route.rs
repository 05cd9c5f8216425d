//! The paths. Each may have an extension for the format. After a code, it is a part of the segment.

use axum::{
    handler::Handler,
    response::{IntoResponse, Response},
    routing::{MethodRouter, delete, get, on, post},
};
use http::{HeaderValue, Method, StatusCode, header::ALLOW};

use super::{configuration, decision, login, metadata, unsupported};
use crate::rest::RestFace;

/// A method, a path and their handler.
pub(in crate::rest) type Route = (Method, &'static str, MethodRouter<RestFace>);

/// Declares a constant with the three forms of each path, and the list of all.
macro_rules! paths {
    ($($name:ident = $path:literal;)*) => {
        $(const $name: [&str; 3] = [$path, concat!($path, ".json"), concat!($path, ".xml")];)*

        /// Every path, in each of its forms.
        pub(in crate::rest) const PATHS: &[&str] = &[
            $($path, concat!($path, ".json"), concat!($path, ".xml"),)*
            CONFIG, LEGACY_CONFIG, AUTHENTICATE_CODE, CHECKAUTHN_CODE, PREAUTHORIZE_CODE, PROFILE_REQUEST,
        ];
    };
}

paths! {
    AUTHENTICATE = "/api/v1/authenticate";
    CHECKAUTHN = "/api/v1/checkauthn";
    TOKENS_AUTHN = "/api/v1/tokens/authn";
    AUTHORIZE = "/api/v1/authorize";
    TOKENS_AUTHZ = "/api/v1/tokens/authz";
    TOKENS_MEDIA = "/api/v1/tokens/media";
    MEDIATOKEN = "/api/v1/mediatoken";
    PREAUTHORIZE = "/api/v1/preauthorize";
    USERMETADATA = "/api/v1/tokens/usermetadata";
    LOGOUT = "/api/v1/logout";
    FREEPREVIEW = "/api/v1/authenticate/freepreview";
}

const CONFIG: &str = "/api/v1/config/{requestor}";
const LEGACY_CONFIG: &str = "/adobe-services/config/{requestor}";
const AUTHENTICATE_CODE: &str = "/api/v1/authenticate/{code}";
const CHECKAUTHN_CODE: &str = "/api/v1/checkauthn/{code}";
const PREAUTHORIZE_CODE: &str = "/api/v1/preauthorize/{code}";
const PROFILE_REQUEST: &str = "/api/v1/{requestor}/profile-requests/{mvpd}";

/// Returns every path with its handlers. GET includes HEAD. Some paths accept POST like GET, with a form instead of a query.
pub(in crate::rest) fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    let mut add = |paths: &[&'static str], methods: &[Method], router: MethodRouter<RestFace>| {
        let allowed = allow(methods);
        for path in paths {
            let router = router.clone().options({
                let allowed = allowed.clone();
                move || async move { options(allowed) }
            });
            // One router has all methods of a path, and must be added only once.
            let mut router = Some(router);
            for method in methods {
                routes.push((method.clone(), *path, router.take().unwrap_or_default()));
            }
        }
    };
    let get_only: &[Method] = &[Method::GET];
    let either: &[Method] = &[Method::GET, Method::POST];
    add(&[CONFIG, LEGACY_CONFIG], get_only, get(configuration::config));
    add(&AUTHENTICATE, either, both(login::authenticate));
    add(&[AUTHENTICATE_CODE], get_only, get(login::authenticate_code));
    add(&[CHECKAUTHN_CODE], get_only, get(login::checkauthn_code));
    add(&CHECKAUTHN, get_only, get(login::checkauthn));
    add(&TOKENS_AUTHN, either, get(login::tokens_authn).post(unsupported));
    add(&AUTHORIZE, either, both(decision::authorize));
    add(&TOKENS_AUTHZ, get_only, get(decision::tokens_authz));
    add(&TOKENS_MEDIA, either, both(decision::tokens_media));
    add(&MEDIATOKEN, either, both(decision::tokens_media));
    add(&PREAUTHORIZE, either, both(decision::preauthorize));
    add(&[PREAUTHORIZE_CODE], either, both(decision::preauthorize_code));
    add(&USERMETADATA, get_only, get(metadata::usermetadata));
    add(&LOGOUT, &[Method::DELETE], delete(login::logout));
    add(&FREEPREVIEW, &[Method::POST], post(login::freepreview));
    add(&[PROFILE_REQUEST], get_only, get(unsupported));
    routes
}

fn both<H, T>(handler: H) -> MethodRouter<RestFace>
where
    H: Handler<T, RestFace>,
    T: 'static,
{
    on(axum::routing::MethodFilter::GET, handler.clone()).post(handler)
}

fn allow(methods: &[Method]) -> HeaderValue {
    let mut names: Vec<_> = methods.iter().map(Method::as_str).collect();
    if methods.contains(&Method::GET) {
        names.push("HEAD");
    }
    names.push("OPTIONS");
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
}

fn options(allowed: HeaderValue) -> Response {
    (StatusCode::NO_CONTENT, [(ALLOW, allowed)]).into_response()
}
