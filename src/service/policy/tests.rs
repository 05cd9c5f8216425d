use super::*;
use crate::config::Config;

fn policy(text: &str) -> Result<Policy, Vec<Violation>> {
    let config = toml::from_str::<Config>(text).expect("deserializes");
    ValidConfig::read(config).map(|config| Policy::new(&config)).map_err(|error| error.violations)
}

fn place(policy: &Policy, environment: &str, requestor: &str) -> Result<Place, Vec<Violation>> {
    policy.place(("environment", environment), ("requestor_id", requestor))
}

#[test]
fn without_configuration_the_default_environment_accepts_every_requestor() {
    let policy = policy("").expect("valid");
    let found = place(&policy, "", "REF").expect("valid");
    assert_eq!(found, place(&policy, "default", "REF").expect("valid"));
    assert_eq!(found.environment.as_str(), "default");
}

#[test]
fn an_empty_environment_is_the_default_one_or_the_only_one() {
    let one = policy("[environments.staging]").expect("valid");
    assert_eq!(place(&one, "", "REF").expect("valid").environment.as_str(), "staging");

    let two = policy("[environments.staging]\n[environments.default]").expect("valid");
    assert_eq!(place(&two, "", "REF").expect("valid").environment.as_str(), "default");

    let none = policy("[environments.staging]\n[environments.production]").expect("valid");
    let violations = place(&none, "", "REF").expect_err("there is no default");
    assert_eq!(violations[0].field, "environment");
    assert!(violations[0].description.contains("production, staging"), "{violations:?}");
}

#[test]
fn if_any_requestor_is_listed_others_are_rejected() {
    let policy = policy("[environments.default.requestors.REF]").expect("valid");
    assert!(place(&policy, "", "REF").is_ok());
    assert_eq!(place(&policy, "", "OTHER").expect_err("not listed")[0].field, "requestor_id");
}

#[test]
fn all_violations_of_a_place_are_reported_together() {
    let policy = policy("").expect("valid");
    let violations = place(&policy, "nowhere", "R F").expect_err("two violations");
    let fields: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["environment", "requestor_id"]);
}

#[test]
fn the_template_expands_to_both_uris() {
    let policy =
        policy("[environments.default.requestors.REF]\nverification_uri = \"https://example.com/tv{?code}\"")
            .expect("valid");
    let uris =
        policy.verification_uris(&place(&policy, "", "REF").expect("valid"), &Code::from_canonical("ABC"));
    assert_eq!(uris.plain, "https://example.com/tv");
    assert_eq!(uris.complete, "https://example.com/tv?code=ABC");
}

#[test]
fn an_invalid_template_is_rejected() {
    for template in ["https://example.com/", "https://example.com/{user}{code}", "{code", "/tv/{code}"] {
        let text = format!("[environments.default.requestors.REF]\nverification_uri = \"{template}\"");
        let violations = policy(&text).expect_err(template);
        assert_eq!(violations[0].field, "environments.default.requestors.REF.verification_uri", "{template}");
    }
}

#[test]
fn guessable_codes_are_rejected_along_with_other_violations() {
    let violations = policy("[codes]\nlength = 4\nmisses_per_viewer = 0\n[environments.\"a b\"]")
        .expect_err("three violations");
    let fields: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["environments.a b", "codes.misses_per_viewer", "codes.length"]);
}

#[test]
fn second_screen_pages_need_no_token_over_an_upstream_or_where_configured() {
    let opens = |text: &str| {
        let config = toml::from_str::<Config>(text).expect("deserializes");
        let files = [("statement", "a.b.c")].into_iter().collect();
        let policy = Policy::new(&ValidConfig::new(config, &files).expect("valid"));
        policy.opens_second_screen(&place(&policy, "", "REF").expect("valid").environment)
    };
    let local = "[environments.default]\n";
    let upstream = |backend| {
        format!(
            "{local}backend = \"{backend}\"\nurl = \"https://api.example.com\"\nsoftware_statement_file = \"statement\"\n"
        )
    };
    let opens_with = |text: &str, how: &str| opens(&format!("{text}second_screen = \"{how}\"\n"));
    assert!(!opens("") && !opens(local) && opens_with(local, "open") && !opens_with(local, "token"));
    for backend in ["v1", "v2"] {
        let upstream = upstream(backend);
        assert!(
            opens(&upstream) && opens_with(&upstream, "open") && !opens_with(&upstream, "token"),
            "{backend}"
        );
    }
}
