use super::*;

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn load_text(text: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passbridge.toml");
    std::fs::write(&file, text).expect("written");
    load(Some(&file), variables(pairs))
}

fn violations(text: &str, pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let error = load_text(text, pairs).expect_err("refused");
    error.violations.into_iter().map(|violation| (violation.field, violation.description)).collect()
}

#[test]
fn an_empty_configuration_is_the_default() {
    assert_eq!(load(None, []).expect("valid"), Config::default());
    assert_eq!(load_text("", &[]).expect("valid"), Config::default());
}

#[test]
fn environment_variables_override_the_file_and_parse_as_toml() {
    let config = load_text(
        "[grpc]\nlisten = \"127.0.0.1:1\"\nmax_watches = 5\n[environments.staging.requestors.REF]\n",
        &[
            ("PASSBRIDGE_GRPC__LISTEN", "127.0.0.1:2"),
            ("PASSBRIDGE_CODES__MAX_LIVE_CODES", "7"),
            ("PASSBRIDGE_LOG__FORMAT", "json"),
            (
                "PASSBRIDGE_ENVIRONMENTS__STAGING__REQUESTORS__REF__VERIFICATION_URI",
                "https://a.example/{code}",
            ),
            ("PASSBRIDGE_PORT", "tcp://10.0.0.1:50051"),
            ("PATH", "/bin"),
        ],
    )
    .expect("valid");
    assert_eq!(config.grpc.listen.port(), 2);
    assert_eq!(config.grpc.max_watches, 5);
    assert_eq!(config.codes.max_live_codes, 7);
    assert_eq!(config.log.format, super::super::LogFormat::Json);
    let requestor = &config.environments["staging"].requestors["REF"];
    assert_eq!(requestor.verification_uri.as_deref(), Some("https://a.example/{code}"));
}

#[test]
fn variables_keep_the_case_of_requestor_ids() {
    let name = "PASSBRIDGE_ENVIRONMENTS__DEFAULT__REQUESTORS__sampleRequestorId__VERIFICATION_URI";
    let config = load(None, variables(&[(name, "https://a.example/{code}")])).expect("valid");
    assert!(config.environments["default"].requestors.contains_key("sampleRequestorId"));
}

#[test]
fn every_unknown_key_is_reported_with_the_nearest_known_one() {
    let found = violations("grcp = {}\n[codes]\nlenght = 8\n[environments.a]\nbakend = \"local\"\n", &[]);
    let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["codes.lenght", "environments.a.bakend", "grcp"]);
    assert!(found[0].1.contains("`length`"), "{found:?}");
    assert!(found[1].1.contains("`backend`"), "{found:?}");
    assert!(found[2].1.contains("`grpc`"), "{found:?}");
}

#[test]
fn unknown_keys_of_an_optional_section_are_reported() {
    let caller =
        |key: &str| format!("[[callers]]\njwt = {{ issuer = \"https://id\", {key} = \"player\" }}\n");
    let config = load_text(&caller("subject"), &[]).expect("valid");
    assert_eq!(config.callers[0].jwt.as_ref().map(|jwt| &*jwt.subject), Some("player"));
    let [(key, text)] = &violations(&caller("subjekt"), &[])[..] else { panic!("one") };
    assert!(key == "callers[0].jwt.subjekt" && text.contains("`subject`"), "{key}: {text}");
}

#[test]
fn a_moved_key_is_refused_with_its_new_name() {
    let variable = ("PASSBRIDGE_REST__PASSTHROUGH", "https://api.example.com");
    for found in
        [violations("[rest]\npassthrough = \"https://api.example.com\"\n", &[]), violations("", &[variable])]
    {
        let [(field, text)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(field, "rest.passthrough");
        assert!(text.contains("`environments.NAME.passthrough`"), "{text}");
    }
}

#[test]
fn an_invalid_value_is_reported_with_its_key() {
    let found = violations("[runtime]\ndrain_timeout = \"soon\"\n", &[]);
    assert_eq!(found[0].0, "runtime.drain_timeout");
    assert!(found[0].1.contains("\"30s\""), "{found:?}");

    let found = violations("[grpc]\nlisten = 8080\n", &[]);
    assert_eq!(found[0].0, "grpc.listen");

    let found = violations("", &[("PASSBRIDGE_GRPC__MAX_WATCHES", "many")]);
    assert_eq!(found[0].0, "grpc.max_watches");
}

#[test]
fn invalid_toml_and_missing_files_are_reported() {
    assert!(violations("[grpc\n", &[])[0].1.contains("not valid TOML"));
    let error = load(Some(Path::new("/nowhere/passbridge.toml")), []).expect_err("refused");
    assert!(error.to_string().contains("/nowhere/passbridge.toml"), "{error}");
}
