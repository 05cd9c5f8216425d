use reqwest::Url;

use super::*;

fn config(text: &str) -> Config {
    toml::from_str(text).expect("deserializes")
}

fn refused(text: &str, files: &Files) -> Vec<String> {
    let violations = ValidConfig::new(config(text), files).expect_err("refused");
    violations.into_iter().map(|violation| violation.field).collect()
}

const UPSTREAM: &str = "[environments.default]\nbackend = \"v2\"\nurl = \"https://api.example.com\"\n\
                        software_statement_file = \"statement\"\n[store]\nkey_ring = \"ring\"\n";

/// Asserts that exactly these violations are reported, each with the expected text.
#[track_caller]
pub(super) fn assert_reported(reported: &[String], expected: &[&str]) {
    assert_eq!(reported.len(), expected.len(), "{reported:#?}");
    for (reported, expected) in reported.iter().zip(expected) {
        assert!(reported.contains(expected), "{expected}: {reported:#?}");
    }
}

#[test]
fn a_configuration_is_checked_without_io() {
    let ring = "one:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    // These files do not exist.
    let files = [("statement", " a.b.c\n"), ("ring", ring)].into_iter().collect();
    let valid = ValidConfig::new(config(UPSTREAM), &files).expect("valid");
    let upstream = valid.upstreams.values().next().expect("an upstream");
    assert_eq!(upstream.software_statement.reveal(), "a.b.c");
    assert_eq!(upstream.options.reset_url.as_str(), "https://api.example.com/");
    assert!(!valid.key_ring.is_empty());
}

#[test]
fn all_violations_are_reported_together_including_those_in_files() {
    let text = format!(
        "{UPSTREAM}[grpc]\nlisten = \"0.0.0.0:1\"\nmax_connections = 0\n[rest]\ncors_origins = [\"x\"]\n\
         statement_jwks = \"keys\"\n[log]\nfilter = \"loud\"\n[codes]\nlength = 1\n\
         [[temp_pass_schedules]]\nname = \"n\"\n"
    );
    let files = [("statement", " \n"), ("ring", "one")].into_iter().collect();
    let fields = refused(&text, &files);
    for field in [
        "grpc.listen",
        "grpc.max_connections",
        "rest.cors_origins",
        "log.filter",
        "rest.statement_jwks",
        "codes.length",
        "temp_pass_schedules[0].mvpd",
        "environments.default.software_statement_file",
        "store.key_ring",
    ] {
        assert!(fields.iter().any(|reported| reported == field), "{field}: {fields:?}");
    }
}

#[test]
fn file_errors_name_the_path() {
    let files = [("statement", "a.b.c")].into_iter().collect();
    let violations = ValidConfig::new(config(UPSTREAM), &files).expect_err("refused");
    let [violation] = &violations[..] else { panic!("{violations:?}") };
    assert_eq!(violation.field, "store.key_ring");
    assert!(violation.description.starts_with("ring: cannot be read"), "{violation}");
}

#[test]
fn passthrough_must_be_an_origin() {
    let files = [("", ""); 0].into_iter().collect();
    let environment = |passthrough: &str| format!("[environments.local]\npassthrough = \"{passthrough}\"\n");
    let valid = ValidConfig::new(config(&environment("http://127.0.0.1:9400")), &files);
    let environments = valid.expect("valid").environments;
    let (_, local) = environments.iter().next().expect("an environment");
    assert_eq!(local.passthrough.as_ref().map(Url::as_str), Some("http://127.0.0.1:9400/"));
    for wrong in [
        "api.example.com",
        "https://api.example.com/path",
        "https://u@api.example.com",
        "https://300.1.1.1",
        "",
    ] {
        let fields = refused(&environment(wrong), &files);
        assert_eq!(fields, ["environments.local.passthrough"], "{wrong}");
    }
}

#[test]
fn an_invalid_origin_is_reported_once_by_its_own_key() {
    for (url, reset_url, field) in [
        ("https://api.example.com", "https://300.300.300.300", "reset_url"),
        ("https://300.300.300.300", "https://mgmt.example.com", "url"),
        ("https://api.example.com/path", "https://mgmt.example.com", "url"),
        ("https://api.example.com", "mgmt.example.com", "reset_url"),
    ] {
        let text = format!(
            "[environments.default]\nbackend = \"v2\"\nurl = \"{url}\"\nreset_url = \"{reset_url}\"\n\
             software_statement_file = \"statement\"\n"
        );
        let files = [("statement", "a.b.c")].into_iter().collect();
        assert_eq!(refused(&text, &files), [format!("environments.default.{field}")], "{url} {reset_url}");
    }
}
