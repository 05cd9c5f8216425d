//! Callers that are identified by a name in their certificate.

use passbridge::{config::CallerEntry, proto::v1::RegistrationCode};
use tonic::{Code, Request, Status, metadata::MetadataValue};

use super::tls_server::TlsServer;
use crate::support::{
    caller::{by_san, caller, list, token_of, with_token},
    raw::RawChannel,
    request::{create, watch},
    status::refused,
};

const SAN: &str = "player.example.com";

fn player(san: &str) -> CallerEntry {
    by_san(san, caller("player", &["codes.create", "codes.read"]))
}

fn server(callers: impl IntoIterator<Item = CallerEntry>) -> TlsServer {
    TlsServer::configured(|config| list(config, callers))
}

async fn call(channel: &RawChannel) -> Result<RegistrationCode, Status> {
    let answer = channel.codes().create_registration_code(create()).await?;
    Ok(answer.into_inner().registration_code.expect("has a code"))
}

#[track_caller]
fn unknown<T: std::fmt::Debug>(answer: Result<T, Status>, expected: &str) {
    let status = refused(answer, Code::Unauthenticated, "CALLER_NOT_AUTHENTICATED");
    assert!(status.message().contains(expected), "{status:?}");
}

#[tokio::test]
async fn a_certificate_identifies_a_caller_by_dns_name_uri_or_email_address() {
    let server = server([
        player("Player.example.com"),
        player("spiffe://Example.com/ns/web/sa/Player"),
        player("Player@Example.com"),
    ]);
    for names in [
        &["player.EXAMPLE.com"][..],
        &["SPIFFE://example.COM/ns/web/sa/Player"],
        &["Player@EXAMPLE.com"],
        &["192.0.2.1", "*.example.com", "other.example.com", "player.example.com", "Player.Example.Com"],
    ] {
        call(&server.certified(names).await).await.unwrap_or_else(|error| panic!("{names:?}: {error:?}"));
    }
    for names in [
        &["spiffe://example.com/ns/web/sa/player"][..],
        &["spiffe://example.com/ns/web/sa/Player/"],
        &["player@example.com"],
        &["player.example.com.other.example"],
    ] {
        unknown(call(&server.certified(names).await).await, "a name of the client certificate");
    }
}

#[tokio::test]
async fn a_certificate_without_a_configured_name_identifies_no_caller() {
    let server = server([player(SAN)]);
    for names in [&[][..], &["192.0.2.1"], &["*.example.com"]] {
        unknown(call(&server.certified(names).await).await, "has no name that identifies a caller");
    }
    unknown(call(&server.uncertified().await).await, "carries no credentials");
}

#[tokio::test]
async fn a_certificate_that_matches_two_entries_is_refused_even_if_both_have_one_name() {
    let server = server([player(SAN), player("spiffe://example.com/player")]);
    let both = server.certified(&[SAN, "spiffe://example.com/player"]).await;
    unknown(call(&both).await, "has names of several callers");
    call(&server.certified(&[SAN]).await).await.expect("creates");
}

#[tokio::test]
async fn a_token_takes_precedence_over_the_certificate() {
    let server = server([player(SAN), caller("reader", &["codes.read"])]);
    let channel = server.certified(&[SAN]).await;
    let with =
        async |token: &str| channel.codes().create_registration_code(with_token(token, create())).await;
    refused(with(&token_of("reader")).await, Code::PermissionDenied, "PERMISSION_MISSING");
    unknown(with("wrong").await, "no configured caller has these credentials");
    for line in ["", "Basic dXNlcg==", "Bearer"] {
        let mut request = Request::new(create());
        request.metadata_mut().insert("authorization", MetadataValue::from_static(line));
        unknown(channel.codes().create_registration_code(request).await, "Authorization header");
    }
    call(&channel).await.expect("creates without a token");
}

#[tokio::test]
async fn a_reload_that_removes_a_caller_ends_its_watches_on_open_connections() {
    let staying = || by_san("staying.example.com", caller("staying", &["codes.read"]));
    let second_name = "spiffe://example.com/player";
    for (left, expected) in [
        (vec![staying()], "has a name of the client certificate"),
        (vec![staying(), player(SAN), player(second_name)], "has names of several callers"),
    ] {
        let server = server([player(SAN), staying()]);
        let channel = server.certified(&[SAN, second_name]).await;
        let code = call(&channel).await.expect("creates").code;
        let watched = async |channel: &RawChannel| {
            let mut answers = channel.codes().watch_registration_code(watch(&code)).await?.into_inner();
            answers.message().await?.expect("the current state");
            Ok::<_, Status>(answers)
        };
        let mut lost = watched(&channel).await.expect("watches");
        let mut kept = watched(&server.certified(&["staying.example.com"]).await).await.expect("watches");

        server.server.reload(|config| config.callers = left).expect("accepted");
        unknown(lost.message().await, expected);
        unknown(watched(&channel).await, expected);
        unknown(call(&channel).await, expected);
        server.server.clock.advance(std::time::Duration::from_secs(1_800));
        kept.message().await.expect("answers").expect("the code has expired");
    }
}

#[tokio::test]
async fn a_reload_that_leaves_callers_without_certificates_is_rejected() {
    let server = server([player(SAN)]);
    let error = server.server.reload(|config| {
        config.grpc.tls.client_ca = None;
        config.grpc.tls.client_certificate = None;
    });
    let error = error.expect_err("is refused").to_string();
    assert!(error.contains("callers[0].san: ") && error.contains("set grpc.tls.client_ca"), "{error}");
    call(&server.certified(&[SAN]).await).await.expect("creates");
}
