use super::*;
use crate::config::valid::tests::assert_reported;

/// Public keys, from the examples of RFC 7517, appendix A.1, and RFC 8037, appendix A.2.
const EC: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"1"}"#;
const ED25519: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"2"}"#;

fn entry(jwks: &str, more: &str) -> Jwt {
    let text =
        format!("issuer = \"https://id/{jwks}\"\naudience = \"passbridge\"\njwks = \"{jwks}\"\n{more}");
    toml::from_str(&text).expect("deserializes")
}

/// The violations of these entries.
fn wrong(entries: &[Jwt], files: &Files) -> Vec<String> {
    let violations = issuers(entries, files).expect_err("refused");
    violations.into_iter().map(|violation| violation.to_string()).collect()
}

#[test]
fn unusable_issuers_are_reported_with_the_rule() {
    let reported = wrong(
        &[
            entry("http://192.0.2.1/keys", ""),
            entry("https://user:secret@id.example.com/keys", ""),
            entry("/nowhere/keys.json", ""),
            entry("/nowhere/keys.json", ""),
            Jwt::default(),
        ],
        &Files::of(std::iter::empty::<&Path>()),
    );
    assert_reported(
        &reported,
        &[
            "grpc.jwt[0].jwks: must be an https URL",
            "grpc.jwt[1].jwks: must not contain credentials",
            "grpc.jwt[2].jwks: /nowhere/keys.json cannot be read",
            "grpc.jwt[3].issuer: must be unique, but \"https://id//nowhere/keys.json\" occurs twice",
            "grpc.jwt[3].jwks: /nowhere/keys.json cannot be read",
            "grpc.jwt[4].issuer: is required",
            "grpc.jwt[4].audience: is required",
            "grpc.jwt[4].jwks: is required",
        ],
    );
    assert!(reported.iter().all(|reported| !reported.contains("secret")), "{reported:?}");
}

#[test]
fn unusable_key_sets_are_reported_with_their_entry_and_file() {
    let set = |keys: &[&str]| format!("{{\"keys\":[{}]}}", keys.join(","));
    let secret = r#"{"kty":"oct","k":"c2VjcmV0","kid":"3"}"#;
    let for_encryption = EC.replace("\"kid\"", "\"use\":\"enc\",\"kid\"");
    let files: Files = [
        ("page", "<html></html>".to_owned()),
        ("twice", set(&[EC, ED25519, EC])),
        ("secret", set(&[secret])),
        ("encryption", set(&[&for_encryption])),
        ("many", set(&[EC; 65])),
        ("right", set(&[EC, ED25519, secret])),
    ]
    .into_iter()
    .collect();
    let names = ["page", "twice", "secret", "encryption", "many"];
    let reported = wrong(&names.map(|name| entry(name, "")), &files);
    assert_reported(
        &reported,
        &[
            "grpc.jwt[0].jwks: page is not a JWK Set, {\"keys\": […]} (RFC 7517)",
            "grpc.jwt[1].jwks: twice has two keys with the kid \"1\"; each key must have a unique kid",
            "grpc.jwt[2].jwks: secret has no usable key: RSA, EC (P-256, P-384) or Ed25519",
            "grpc.jwt[3].jwks: encryption has no usable key",
            "grpc.jwt[4].jwks: many has 65 keys; at most 64 are allowed",
        ],
    );
    let issuers = issuers(&[entry("right", "")], &files).expect("valid");
    assert!(matches!(&issuers[0].keys, IssuerKeys::Read(set) if set.len() == 2), "{issuers:?}");
}

#[test]
fn the_ca_and_token_for_a_url_must_be_readable_and_usable() {
    let files: Files =
        [("key", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"), ("set", "")]
            .into_iter()
            .collect();
    let more = |ca: &str, token: &str| format!("jwks_ca = \"{ca}\"\njwks_token_file = \"{token}\"\n");
    let reported = wrong(
        &[
            entry("https://id.example.com/keys", &more("nowhere.crt", "nowhere")),
            entry("https://id.example.com/more", &more("key", "set")),
            entry("set", &more("key", "set")),
        ],
        &files,
    );
    assert_reported(
        &reported,
        &[
            "grpc.jwt[0].jwks_ca: nowhere.crt cannot be read",
            "grpc.jwt[0].jwks_token_file: nowhere cannot be read",
            "grpc.jwt[1].jwks_ca: key contains no",
            "grpc.jwt[2].jwks_ca: requires a URL in jwks",
            "grpc.jwt[2].jwks_token_file: requires a URL in jwks",
            "grpc.jwt[2].jwks: set is not a JWK Set",
        ],
    );
}
