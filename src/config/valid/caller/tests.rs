use crate::config::{Config, ValidConfig, valid::tests::assert_told};

/// What is wrong with a configuration.
fn wrong(text: &str) -> Vec<String> {
    let config = toml::from_str::<Config>(text).expect("deserializes");
    let error = ValidConfig::read(config).expect_err("refused");
    error.violations.into_iter().map(|violation| violation.to_string()).collect()
}

fn hash(digit: char) -> String {
    digit.to_string().repeat(64)
}

#[test]
fn what_an_entry_names_that_there_is_not_is_told_with_what_there_is() {
    let told = wrong(&format!(
        "[grpc]\nauth = \"callers\"\n[environments.staging.requestors.REF]\n[environments.test]\n\
         [[callers]]\nname = \"good\"\ntoken_hash = \"{}\"\n\
         [[callers]]\nname = \"bad\"\ntoken_hash = \"{}\"\nrequestors = [\"REF\", \"OTHER\"]\n\
         environments = [\"staging\", \"production\"]\npermissions = [\"codes.write\"]\n",
        hash('a'),
        hash('b'),
    ));
    assert_told(
        &told,
        &[
            "callers[1].environments: \"production\" is unknown; the environments are staging, test",
            "callers[1].requestors: \"OTHER\" is no requestor",
            "callers[1].permissions: must be a permission, but is \"codes.write\"; the permissions are codes.create",
        ],
    );
}

#[test]
fn a_hash_that_is_missing_malformed_or_there_twice_is_told_with_its_entry() {
    let good = hash('a');
    let told = wrong(&format!(
        "[grpc]\nauth = \"callers\"\n[[callers]]\nname = \"one\"\ntoken_hash = \"{good}\"\n\
         [[callers]]\nname = \"two\"\ntoken_hash = \"{good}\"\n\
         [[callers]]\nname = \"three\"\n[[callers]]\ntoken_hash = \"pb_token\"\n"
    ));
    assert_told(
        &told,
        &[
            "callers[1].token_hash: is that of callers[0] already",
            "callers[2]: needs what the caller is known by",
            "callers[3].name: is required",
            "callers[3].token_hash: must be the SHA-256 of the token",
        ],
    );
    assert!(told.iter().all(|told| !told.contains("pb_token")), "{told:?}");
}

#[test]
fn an_entry_for_tokens_of_an_issuer_names_one_that_is_there_and_subjects_of_its_own() {
    let entry = |jwt: &str| format!("[[callers]]\nname = \"one\"\njwt = {{ {jwt} }}\n");
    let told = wrong(&format!(
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
    assert_told(
        &told,
        &[
            "callers[1].jwt.issuer: \"https://other\" is the issuer of no [[grpc.jwt]]; there are \"https://id\"",
            "callers[2].jwt.subject: is that of callers[0] already",
            "callers[3].jwt.subject: means subjects that callers[0] means too",
            "callers[5].jwt.subject: must use `*` only as a whole part between colons, but has the part \"c-*\"",
            "callers[6]: has more than one of san, jwt and token_hash; keep one",
        ],
    );
}

#[test]
fn a_name_that_no_certificate_could_show_or_that_is_there_twice_is_told_with_its_entry() {
    let entry = |san: &str| format!("[[callers]]\nname = \"one\"\nsan = \"{san}\"\n");
    let told = wrong(&format!(
        "[grpc]\nauth = \"callers\"\ntls = {{ certificate = \"c\", key = \"k\", client_ca = \"a\" }}\n\
         {}{}{}{}{}{}",
        entry("player.example.com"),
        entry("PLAYER.example.com"),
        entry("*.example.com"),
        entry("spiffe://Example.com/player"),
        entry("spiffe://example.com/player"),
        entry("Player@example.com"),
    ));
    let told: Vec<_> = told.into_iter().filter(|told| told.starts_with("callers")).collect();
    assert_told(
        &told,
        &[
            "callers[1].san: is that of callers[0] already",
            "callers[2].san: must not have a wildcard",
            "callers[4].san: is that of callers[3] already",
        ],
    );
}

#[test]
fn callers_with_certificates_need_a_listener_that_asks_for_them() {
    for (tls, expected) in [
        ("", "set grpc.tls.certificate and grpc.tls.key, and grpc.tls.client_ca"),
        ("tls = { certificate = \"c\", key = \"k\" }", "set grpc.tls.client_ca"),
        ("tls = { mode = \"terminated_elsewhere\" }", "end TLS here"),
    ] {
        let told = wrong(&format!(
            "[grpc]\nauth = \"callers\"\n{tls}\n[[callers]]\nname = \"one\"\nsan = \"player.example.com\"\n"
        ));
        let told: Vec<_> = told.into_iter().filter(|told| told.starts_with("callers[0].san: ")).collect();
        assert_told(&told, &[expected]);
    }
}

#[test]
fn callers_that_nobody_would_be_asked_for_are_refused() {
    let told = wrong(&format!("[[callers]]\nname = \"one\"\ntoken_hash = \"{}\"\n", hash('a')));
    assert_told(&told, &["grpc.auth: is \"none\", by which nobody is asked who they are, and callers are"]);
}
