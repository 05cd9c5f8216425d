//! How typed codes are folded and found.

use passbridge::proto::v1::CreateRegistrationCodeRequest;
use std::time::Duration;
use tonic::{Code, Status};

use crate::support::{
    request::{create, create_for, delete, get},
    status::{probable_causes, refused},
    test_server::{TestServer, environment},
};

async fn not_found(server: &TestServer, code: &str) -> Status {
    let answer = server.codes().get_registration_code(get(code)).await;
    refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND")
}

#[tokio::test]
async fn case_spaces_and_dashes_are_ignored() {
    let server = TestServer::start();
    server.randomness.draw_next("BCD4FGH");
    let id = server.created().await.id;
    for typed in
        ["BCD4FGH", "bcd4fgh", " bcd-4fg h ", "BCD\u{2013}4FGH", "b c d 4 f g h", "BCD.4FGH", "BCD\t4FGH"]
    {
        let read = server.codes().get_registration_code(get(typed)).await.expect(typed).into_inner();
        assert_eq!(read.registration_code.expect("a code").id, id, "{typed:?}");
    }
    server.codes().delete_registration_code(delete("bcd 4fgh")).await.expect("deletes with the same folding");
}

#[tokio::test]
async fn a_look_alike_outside_the_alphabet_matches_its_symbol() {
    let server = TestServer::start();
    server.randomness.draw_next("BLQSZGV");
    server.created().await;
    // 8 for B, 1 and I for L, 0 and O for Q, 5 for S, 2 for Z, 6 for G, U for V.
    for typed in ["81052 6U", "8iosZGu", "BLQSZGV"] {
        server.codes().get_registration_code(get(typed)).await.expect(typed);
    }
}

#[tokio::test]
async fn an_impossible_code_is_not_found() {
    let server = TestServer::start();
    for typed in ["B", "BCDFGHJK", "!!!!!!!", "ÄÖÜßÄÖÜ", "AAAAAAA", "📺"] {
        not_found(&server, typed).await;
    }
}

#[tokio::test]
async fn a_foreign_code_is_indistinguishable_from_an_unknown_one() {
    let server = TestServer::configured(|config| {
        environment(config, "default", &[]);
        environment(config, "staging", &[]);
    });
    server.randomness.draw_next("BCDFGHJ");
    server.created_by(CreateRegistrationCodeRequest { requestor_id: "OTHER".to_owned(), ..create() }).await;
    server.randomness.draw_next("BCDFGHL");
    server.created().await;
    server.codes().delete_registration_code(delete("BCDFGHL")).await.expect("deletes");
    server.randomness.draw_next("BCDFGHM");
    server.created_by(create_for(1)).await;
    server.clock.advance(Duration::from_secs(1));

    let never = not_found(&server, "BCDFGHN").await;
    for (what, code) in [("another requestor's", "BCDFGHJ"), ("released", "BCDFGHL"), ("expired", "BCDFGHM")]
    {
        let status = not_found(&server, code).await;
        assert_eq!(status.message(), never.message(), "{what}");
        assert_eq!(status.details(), never.details(), "{what}");
    }
}

#[tokio::test]
async fn the_likeliest_cause_of_not_found_comes_first() {
    let server = TestServer::configured(|config| {
        environment(config, "default", &[]);
        environment(config, "staging", &[]);
    });
    server.randomness.draw_next("BCDFGHK");
    server.created_by(CreateRegistrationCodeRequest { environment: "staging".to_owned(), ..create() }).await;
    // This caller may read in every place, so the causes name the other place.
    let elsewhere = probable_causes(&not_found(&server, "BCDFGHK").await).expect("carries ProbableCauses");
    assert!(elsewhere.causes[0].cause.contains("staging"), "{elsewhere:?}");
    let impossible = probable_causes(&not_found(&server, "X").await).expect("carries ProbableCauses");
    assert!(impossible.causes[0].cause.contains("mistyped"), "{impossible:?}");
    let unknown = probable_causes(&not_found(&server, "BCDFGHN").await).expect("carries ProbableCauses");
    assert!(unknown.causes[0].cause.contains("expired"), "{unknown:?}");
}

#[tokio::test]
async fn deleting_another_requestors_code_is_not_found_and_changes_nothing() {
    let server = TestServer::start();
    let created = server
        .created_by(CreateRegistrationCodeRequest { requestor_id: "OTHER".to_owned(), ..create() })
        .await;
    let answer = server.codes().delete_registration_code(delete(&created.code)).await;
    refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    let mut request = get(&created.code);
    request.requestor_id = "OTHER".to_owned();
    server.codes().get_registration_code(request).await.expect("still exists");
}

#[tokio::test]
async fn requestors_are_case_sensitive() {
    let server = TestServer::start();
    let code = server.created().await.code;
    let mut request = get(&code);
    request.requestor_id = "ref".to_owned();
    let answer = server.codes().get_registration_code(request).await;
    refused(answer, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
}

#[tokio::test]
async fn not_found_names_its_probable_causes() {
    let server = TestServer::start();
    let status = not_found(&server, "BCDFGHJ").await;
    let causes = probable_causes(&status).expect("carries ProbableCauses").causes;
    assert!(!causes.is_empty());
    assert!(causes.iter().all(|cause| !cause.cause.is_empty() && !cause.remedy.is_empty()), "{causes:?}");
}
