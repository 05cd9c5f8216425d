//! Fuzz targets for external input over HTTP/1.1.

use std::{io::Write as _, net::SocketAddr};

use flate2::{Compression, write::GzEncoder};
use form_urlencoded::Serializer;
use http::{HeaderMap, Request, Uri, header::ACCEPT};

use super::{
    address::Addresses,
    client_registration::{basic_credentials, registration},
    encoding::decompress,
    entitlement::{redirect_url, split_resources, temp_pass_identity, unencoded_redirect_url},
    format::{AcceptedFormat, accepted_format, parse_format, split_extension},
    parameters::Parameters,
    reset::{application, target},
    route,
};
use crate::{
    config::{ResponseFormat, TrustedProxies},
    domain::{
        address::Address,
        device_info::DeviceInfo,
        error::Violations,
        id::DeviceId,
        temp_pass::{ALL, GenericKey, ResetTarget},
    },
    fuzzing::{FuzzTarget, headers, split},
};

pub(crate) const TARGETS: &[FuzzTarget] = &[
    ("form", form),
    ("device_info_in_url", device_info_in_url),
    ("reset_query", reset_query),
    ("accept", accept),
    ("path", path),
    ("forwarded_for", forwarded_for),
    ("gzip_body", gzip_body),
    ("registration_body", registration_body),
    ("flow_parameters", flow_parameters),
];

/// The maximum size of a decompressed body here.
const BODY_MAX: usize = 4_096;

/// Parameters are parsed as by the URL Standard, wherever its result is unambiguous.
fn form(input: &[u8]) {
    let (query, body) = split(input);
    let query = String::from_utf8_lossy(query);
    let mut violations = Violations::default();
    let parameters = Parameters::read(&query, &HeaderMap::new(), body, &mut violations);
    let is_counted = violations.is_empty();
    let expected: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    // The two differ for a name that is not UTF-8.
    for (name, value) in expected.iter().filter(|(name, _)| !name.contains('\u{fffd}')) {
        let mut violations = Violations::default();
        if let Some(text) = parameters.get(name, &mut violations) {
            assert!(text.len() <= query.len() + body.len());
            assert!(violations.is_empty() && text == value, "{name} is {text}, not {value}");
        } else {
            assert!(!violations.is_empty() || !is_counted, "{name} is lost");
        }
    }
    let mut violations = Violations::default();
    parameters.check_names(&["requestor_id"], &mut violations);
    parameters.check_body(&mut violations);
    assert!(parameters.in_form("access_token").all(|token| token.len() <= body.len()));
}

/// Device information in a URL is the same with and without percent-encoding.
fn device_info_in_url(input: &[u8]) {
    let query = String::from_utf8_lossy(input);
    let Some(info) = device_info(&query) else { return };
    crate::fuzzing::check_device_info(&info);
    let encoded = info.encode();
    let written = Serializer::new(String::new()).append_pair("device_info", &encoded).finish();
    let is_written_longer = DeviceInfo::decode(&encoded).is_err();
    assert!(is_written_longer || device_info(&written).as_ref() == Some(&info), "{written}");
    assert!(is_written_longer || device_info(&format!("device_info={encoded}")) == Some(info), "{encoded}");
}

fn device_info(query: &str) -> Option<DeviceInfo> {
    let mut violations = Violations::default();
    let parameters = Parameters::read(query, &HeaderMap::new(), &[], &mut violations);
    let text = parameters.filled("device_info", &mut violations)?;
    DeviceInfo::decode(text).map(|(info, _)| info).ok()
}

/// Every trial is reset only if the parameter is absent or `all`.
fn reset_query(input: &[u8]) {
    let query = String::from_utf8_lossy(input);
    let mut violations = Violations::default();
    let parameters = Parameters::read(&query, &HeaderMap::new(), &[], &mut violations);
    let targets = [
        ("device_id", parsed(&parameters, "device_id", &mut violations)),
        ("key", parsed(&parameters, "key", &mut violations)),
    ];
    let application = application(&parameters, &mut violations);
    assert!(application.app_id.len() + application.device_user.len() <= query.len());
    for (name, target) in targets {
        let mut sent =
            form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name).map(|pair| pair.1);
        if violations.is_empty() && target == Some(ResetTarget::All) {
            let sent = (sent.next(), sent.next());
            assert!(
                matches!(&sent, (None, None)) || (sent.0.as_deref(), sent.1) == (Some(ALL), None),
                "{query}"
            );
        }
    }
}

fn parsed(parameters: &Parameters<'_>, name: &str, violations: &mut Violations) -> Option<ResetTarget> {
    target(parameters, name, violations, |text, violations| match name {
        "key" => violations.take(GenericKey::parse(name, text)).map(ResetTarget::Key),
        _ => violations.take(DeviceId::parse(name, text)).map(ResetTarget::Device),
    })
}

/// Several header lines are equivalent to one (RFC 9110, section 5.3), and an unsupported type changes nothing.
fn accept(input: &[u8]) {
    let lines = headers(ACCEPT, input);
    for default in [ResponseFormat::Json, ResponseFormat::Xml] {
        let found = accepted_format(&lines, default);
        let text = lines.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
        let line = text.collect::<Vec<_>>().join(", ");
        let alone = |line: &str| accepted_format(&headers(ACCEPT, line.as_bytes()), default);
        assert_eq!(alone(&line), found, "{line}");
        if found != AcceptedFormat::Anything {
            assert_eq!(alone(&format!("image/png, {line}")), found, "{line}");
        }
        let names_it = |format| match format {
            ResponseFormat::Json => line.to_ascii_lowercase().contains("json"),
            ResponseFormat::Xml => line.to_ascii_lowercase().contains("xml") || line.contains("/*"),
        };
        assert!(match found {
            AcceptedFormat::For(format) => names_it(format) || line.contains('*'),
            AcceptedFormat::Anything | AcceptedFormat::SomethingElse => true,
        });
    }
    let text = String::from_utf8_lossy(input);
    let _ = parse_format(&text);
    let (rest, format) = split_extension(&text);
    assert!(text.starts_with(rest) && format.is_some() == (rest.len() < text.len()));
}

/// Normalization is idempotent, and dot segments are found before and after it.
fn path(input: &[u8]) {
    let Some(uri) = std::str::from_utf8(input).ok().and_then(|text| text.parse::<Uri>().ok()) else { return };
    let normalized = |uri: &Uri| {
        let request = Request::get(uri.clone()).body(()).expect("a request");
        route::normalize_path(request).into_parts().0.uri
    };
    let once = normalized(&uri);
    assert_eq!(normalized(&once), once, "{uri} has two normalized forms");
    assert_eq!(once.query(), uri.query());
    if once != uri {
        assert_eq!(route::has_dot_segments(once.path()), route::has_dot_segments(uri.path()), "{uri}");
    }
}

/// A peer that is not a trusted proxy is the client, whatever it sends.
fn forwarded_for(input: &[u8]) {
    let lines = headers(http::HeaderName::from_static("x-forwarded-for"), input);
    let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().expect("a network")]);
    let client: SocketAddr = "192.0.2.1:9934".parse().expect("an address");
    let found = Addresses::new(client, &lines, &proxies);
    assert_eq!(found.client, Address::from(client.ip()));
    assert!(found.device == found.client || !proxies.contains(found.device));
    let proxy: SocketAddr = "10.0.0.1:9934".parse().expect("an address");
    let found = Addresses::new(proxy, &lines, &proxies);
    let again =
        headers(http::HeaderName::from_static("x-forwarded-for"), found.client.to_string().as_bytes());
    assert_eq!(Addresses::new(proxy, &again, &proxies).client, found.client);
}

/// Decompression never exceeds the limit, and restores a compressed body.
fn gzip_body(input: &[u8]) {
    if let Ok(body) = decompress(input, BODY_MAX) {
        assert!(body.len() <= BODY_MAX);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let compressed = encoder.write_all(input).and_then(|()| encoder.finish()).expect("compresses");
    match decompress(&compressed, BODY_MAX) {
        Ok(body) => assert_eq!(body, input),
        Err(_) => assert!(input.len() > BODY_MAX),
    }
}

/// A list of resources is split between whole resources, redirect URLs are only those of web pages, and an identity is
/// an object.
fn flow_parameters(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let resources = split_resources(&text);
    assert!(resources.iter().map(|resource| resource.len() + 1).sum::<usize>() <= text.len() + 1);
    for resource in resources {
        assert!(text.contains(resource));
        assert_eq!(split_resources(resource), [resource]);
    }
    if let Some(whole) = unencoded_redirect_url(&text) {
        assert!(text.ends_with(whole) && whole.starts_with("http"));
    }
    if let Ok(page) = redirect_url("redirect_url", &text) {
        assert!(matches!(page.url.scheme(), "http" | "https"));
        assert!(http::HeaderValue::from_str(page.url.as_str()).is_ok());
    }
    if let Ok(identity) = temp_pass_identity("generic_data", &text) {
        let object: serde_json::Value = serde_json::from_str(identity.reveal()).expect("is JSON");
        assert!(object.is_object());
    }
}

fn registration_body(input: &[u8]) {
    if let Err(error) = registration(input) {
        assert!(format!("{error:?}").len() < 512, "the error repeats the body");
    }
    if let Some((id, secret)) = basic_credentials(&String::from_utf8_lossy(input)) {
        assert!(id.len() + secret.len() <= input.len());
    }
}
