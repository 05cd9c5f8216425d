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

/// That these are all that is told, each with what is expected of it.
#[track_caller]
pub(super) fn assert_told(told: &[String], expected: &[&str]) {
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.contains(expected), "{expected}: {told:#?}");
    }
}

#[test]
fn a_configuration_is_judged_by_what_is_handed_in_alone() {
    let ring = "one:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    // No file of these names is there.
    let files = [("statement", " a.b.c\n"), ("ring", ring)].into_iter().collect();
    let valid = ValidConfig::new(config(UPSTREAM), &files).expect("valid");
    let upstream = valid.upstreams.values().next().expect("an upstream");
    assert_eq!(upstream.software_statement.reveal(), "a.b.c");
    assert_eq!(upstream.options.reset_url.as_str(), "https://api.example.com/");
    assert!(!valid.key_ring.is_empty());
}

#[test]
fn everything_wrong_is_told_at_once_with_what_is_wrong_in_files() {
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
        assert!(fields.iter().any(|told| told == field), "{field}: {fields:?}");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_path() {
    let files = [("statement", "a.b.c")].into_iter().collect();
    let violations = ValidConfig::new(config(UPSTREAM), &files).expect_err("refused");
    let [violation] = &violations[..] else { panic!("{violations:?}") };
    assert_eq!(violation.field, "store.key_ring");
    assert!(violation.description.starts_with("ring: cannot be read"), "{violation}");
}

#[test]
fn other_paths_go_to_an_origin_and_to_nothing_else() {
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
fn an_origin_that_leads_nowhere_is_told_once_by_its_own_key() {
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
