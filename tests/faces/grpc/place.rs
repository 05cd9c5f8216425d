//! Environments and requestors.

use passbridge::{config::Config, proto::v1::CreateRegistrationCodeRequest};
use tonic_types::StatusExt;

use crate::support::{
    request::create,
    status::violated,
    test_server::{TestServer, environment},
};

fn in_environment(name: &str) -> CreateRegistrationCodeRequest {
    CreateRegistrationCodeRequest { environment: name.to_owned(), ..create() }
}

fn of_requestor(id: &str, environment: &str) -> CreateRegistrationCodeRequest {
    CreateRegistrationCodeRequest { requestor_id: id.to_owned(), ..in_environment(environment) }
}

fn environments(names: &'static [&'static str]) -> impl FnOnce(&mut Config) {
    move |config| names.iter().for_each(|name| environment(config, name, &[]))
}

#[tokio::test]
async fn without_configuration_the_only_environment_is_default() {
    let server = TestServer::start();
    assert_eq!(server.created_by(in_environment("")).await.environment, "default");
    assert_eq!(server.created_by(in_environment("default")).await.environment, "default");
}

#[tokio::test]
async fn an_omitted_environment_means_the_only_one() {
    let server = TestServer::configured(environments(&["production"]));
    assert_eq!(server.created_by(in_environment("")).await.environment, "production");
    let unknown = server.codes().create_registration_code(in_environment("default")).await;
    assert_eq!(violated(unknown), ["environment"]);
}

#[tokio::test]
async fn an_omitted_environment_means_default_among_several() {
    let server = TestServer::configured(environments(&["a", "default", "z"]));
    assert_eq!(server.created_by(in_environment("")).await.environment, "default");
    assert_eq!(server.created_by(in_environment("z")).await.environment, "z");
}

#[tokio::test]
async fn without_a_default_the_environment_is_required() {
    let server = TestServer::configured(environments(&["production", "staging"]));
    assert_eq!(violated(server.codes().create_registration_code(in_environment("")).await), ["environment"]);
    assert_eq!(server.created_by(in_environment("staging")).await.environment, "staging");
}

#[tokio::test]
async fn an_unknown_environment_is_refused_with_the_list_of_known_ones() {
    let server = TestServer::configured(environments(&["production", "staging"]));
    let status =
        server.codes().create_registration_code(in_environment("stagin")).await.expect_err("refused");
    let violations = status.get_details_bad_request().expect("carries BadRequest").field_violations;
    assert_eq!(violations[0].field, "environment");
    let description = &violations[0].description;
    assert!(description.contains("production") && description.contains("staging"), "{description}");
}

#[tokio::test]
async fn only_listed_requestors_are_valid_if_any_are_listed() {
    let server = TestServer::configured(|config| {
        environment(config, "production", &["REF", "NEWS"]);
        environment(config, "staging", &[]);
    });
    server.created_by(of_requestor("NEWS", "production")).await;
    let unlisted = server.codes().create_registration_code(of_requestor("SPORT", "production")).await;
    assert_eq!(violated(unlisted), ["requestor_id"]);
    server.created_by(of_requestor("SPORT", "staging")).await;
}
