use crate::config::{Config, ValidConfig, valid::tests::assert_reported};

/// The violations of a configuration.
fn wrong(text: &str) -> Vec<String> {
    let config = toml::from_str::<Config>(text).expect("deserializes");
    let error = ValidConfig::read(config).expect_err("refused");
    error.violations.into_iter().map(|violation| violation.to_string()).collect()
}

fn hash(digit: char) -> String {
    digit.to_string().repeat(64)
}

#[test]
fn unknown_names_in_an_entry_are_reported_with_the_known_ones() {
    let reported = wrong(&format!(
        "[grpc]\nauth = \"callers\"\n[environments.staging.requestors.REF]\n[environments.test]\n\
         [[callers]]\nname = \"good\"\ntoken_hash = \"{}\"\n\
         [[callers]]\nname = \"bad\"\ntoken_hash = \"{}\"\nrequestors = [\"REF\", \"OTHER\"]\n\
         environments = [\"staging\", \"production\"]\npermissions = [\"codes.write\"]\n",
        hash('a'),
        hash('b'),
    ));
    assert_reported(
        &reported,
        &[
            "callers[1].environments: must be one of staging, test, but is \"production\"",
            "callers[1].requestors: must be a requestor",
            "callers[1].permissions: must be a permission, but is \"codes.write\"; the permissions are codes.create",
        ],
    );
}

#[test]
fn missing_malformed_and_duplicate_hashes_are_reported_with_their_entries() {
    let good = hash('a');
    let reported = wrong(&format!(
        "[grpc]\nauth = \"callers\"\n[[callers]]\nname = \"one\"\ntoken_hash = \"{good}\"\n\
         [[callers]]\nname = \"two\"\ntoken_hash = \"{good}\"\n\
         [[callers]]\nname = \"three\"\n[[callers]]\ntoken_hash = \"pb_token\"\n"
    ));
    assert_reported(
        &reported,
        &[
            "callers[1].token_hash: must be unique, but callers[0]",
            "callers[2]: must have a credential",
            "callers[3].name: is required",
            "callers[3].token_hash: must be the SHA-256 of the token",
        ],
    );
    assert!(reported.iter().all(|reported| !reported.contains("pb_token")), "{reported:?}");
}

#[test]
fn a_jwt_entry_names_a_configured_issuer_and_unique_subjects() {
    let entry = |jwt: &str| format!("[[callers]]\nname = \"one\"\njwt = {{ {jwt} }}\n");
    let reported = wrong(&format!(
        "[grpc]\nauth = \"callers\"\n[[grpc.jwt]]\nissuer = \"https://id\"\naudience = \"passbridge\"\n\
         jwks = \"http://127.0.0.1:1/keys\"\n{}{}{}{}{}{}[[callers]]\nname = \"both\"\ntoken_hash = \"{}\"\n\
         jwt = {{ issuer = \"https://id\", subject = \"z\" }}\n",
        entry("issuer = \"https://id\", subject = \"a:*:b\""),
        entry("issuer = \"https://other\", subject = \"a\""),
        entry("issuer = \"https://id\", subject = \"a:*:b\""),
        entry("issuer = \"https://id\", subject = \"a:c:*\""),
        entry("issuer = \"https://id\", subject = \"a:c:b\""),
        entry("issuer = \"https://id\", subject = \"a:c-*:b\""),
        hash('a'),
    ));
    assert_reported(
        &reported,
        &[
            "callers[1].jwt.issuer: must be the issuer of a [[grpc.jwt]] (\"https://id\"), but is \"https://other\"",
            "callers[2].jwt.subject: must be unique, but callers[0]",
            "callers[3].jwt.subject: must not match subjects that callers[0] matches too",
            "callers[5].jwt.subject: must use `*` only as a whole part between colons, but has the part \"c-*\"",
            "callers[6]: must have only one of san, jwt and token_hash",
        ],
    );
}

#[test]
fn impossible_and_duplicate_certificate_names_are_reported_with_their_entries() {
    let entry = |san: &str| format!("[[callers]]\nname = \"one\"\nsan = \"{san}\"\n");
    let reported = wrong(&format!(
        "[grpc]\nauth = \"callers\"\ntls = {{ certificate = \"c\", key = \"k\", client_ca = \"a\" }}\n\
         {}{}{}{}{}{}",
        entry("player.example.com"),
        entry("PLAYER.example.com"),
        entry("*.example.com"),
        entry("spiffe://Example.com/player"),
        entry("spiffe://example.com/player"),
        entry("Player@example.com"),
    ));
    let reported: Vec<_> = reported.into_iter().filter(|reported| reported.starts_with("callers")).collect();
    assert_reported(
        &reported,
        &[
            "callers[1].san: must be unique, but callers[0]",
            "callers[2].san: must not have a wildcard",
            "callers[4].san: must be unique, but callers[3]",
        ],
    );
}

#[test]
fn certificate_callers_require_a_listener_that_requests_certificates() {
    for (tls, expected) in [
        ("", "set grpc.tls.certificate and grpc.tls.key"),
        ("tls = { certificate = \"c\", key = \"k\" }", "set grpc.tls.client_ca"),
        ("tls = { mode = \"terminated_elsewhere\" }", "terminate TLS here"),
    ] {
        let reported = wrong(&format!(
            "[grpc]\nauth = \"callers\"\n{tls}\n[[callers]]\nname = \"one\"\nsan = \"player.example.com\"\n"
        ));
        let reported: Vec<_> =
            reported.into_iter().filter(|reported| reported.starts_with("callers[0].san: ")).collect();
        assert_reported(&reported, &[expected]);
    }
}

#[test]
fn callers_without_authentication_are_refused() {
    let reported = wrong(&format!("[[callers]]\nname = \"one\"\ntoken_hash = \"{}\"\n", hash('a')));
    assert_reported(&reported, &["grpc.auth: must be \"callers\""]);
}
