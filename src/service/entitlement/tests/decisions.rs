//! Tests of decisions and media tokens.

use super::*;
use crate::domain::entitlement::{Refusal, RefusalReason};

fn resource(text: &str) -> Resource {
    Resource::parse("resource", text).expect("valid")
}

impl EntitlementFixture {
    async fn authorize(&self, device: &str, text: &str) -> Result<ResourceAuthorization> {
        let login = Login { device: self.device(device), mvpd: None };
        let request = AuthorizeResource { login, resource: resource(text), keeps_token: true };
        Box::pin(self.service.authorize(&Caller::anonymous(), request)).await
    }

    async fn stored_decision(&self, device: &str, text: &str) -> StoredDecision {
        let device = self.device(device);
        let kept = self.other.kept_decision(&Caller::anonymous(), device, &resource(text)).await;
        kept.expect("is known")
    }

    async fn token(&self, device: &str, text: &str) -> Result<MediaTokenAnswer> {
        Box::pin(self.other.media_token(&Caller::anonymous(), self.device(device), resource(text))).await
    }
}

fn value(answer: Result<MediaTokenAnswer>) -> String {
    match answer.expect("is answered") {
        MediaTokenAnswer::Issued(issued) => issued.token.value,
        MediaTokenAnswer::Refused(refusal) => panic!("{refusal:?}"),
    }
}

#[tokio::test]
async fn authorize_and_later_calls_share_one_decision_on_every_server() {
    let fixture = fixture();
    fixture.provider.log_in("tv", "Cable", MONTH);
    assert!(fixture.check("tv").await.is_ok());
    fixture.take_calls();
    assert_eq!(fixture.authorize("tv", "news").await.expect("decides").decision.refusal, None);
    assert!(matches!(fixture.stored_decision("tv", "news").await, StoredDecision::Valid { .. }));
    match fixture.token("tv", "news").await.expect("is answered") {
        MediaTokenAnswer::Issued(issued) => {
            assert_eq!(issued.token.value, "token 1");
            assert_eq!((issued.mvpd, issued.user_id.as_deref()), (mvpd("Cable"), Some("viewer of Cable")));
        }
        MediaTokenAnswer::Refused(refusal) => panic!("{refusal:?}"),
    }
    assert_eq!(fixture.take_calls(), ["authorize"]);
    assert_eq!(fixture.authorize("tv", "news").await.expect("decides").decision.refusal, None);
    assert_eq!(fixture.take_calls(), [""; 0], "the decision is still valid");
    assert_eq!(value(fixture.token("tv", "news").await), "token 2");
    assert_eq!(fixture.take_calls(), ["authorize"], "a token is handed out once");
}

#[tokio::test]
async fn of_concurrent_calls_for_a_decisions_token_one_gets_it() {
    let fixture = fixture();
    fixture.provider.log_in("tv", "Cable", MONTH);
    assert!(fixture.authorize("tv", "news").await.is_ok());
    let mut tokens = std::collections::BTreeSet::new();
    let calls = (0..8).map(|_| fixture.token("tv", "news"));
    for answer in futures_util::future::join_all(calls).await {
        assert!(tokens.insert(value(answer)), "handed out twice");
    }
}

#[tokio::test]
async fn a_token_about_to_expire_is_not_handed_out() {
    let fixture = fixture();
    fixture.provider.log_in("tv", "Cable", MONTH);
    assert!(fixture.authorize("tv", "news").await.is_ok());
    fixture.clock.advance(Duration::from_secs(301));
    assert_eq!(value(fixture.token("tv", "news").await), "token 2");
}

#[tokio::test]
async fn a_decision_ends_at_its_expiry_and_at_a_logout() {
    let fixture = fixture();
    assert_eq!(
        fixture.stored_decision("tv", "news").await,
        StoredDecision::NotLoggedIn { has_expired: false }
    );
    fixture.provider.log_in("tv", "Cable", MONTH);
    fixture.clock.advance(HOUR);
    assert_eq!(fixture.stored_decision("tv", "news").await, StoredDecision::None);
    assert!(fixture.authorize("tv", "news").await.is_ok());
    assert_eq!(fixture.stored_decision("tv", "sports").await, StoredDecision::None);
    fixture.clock.advance(24 * HOUR);
    assert_eq!(fixture.stored_decision("tv", "news").await, StoredDecision::Expired);
    assert!(fixture.authorize("tv", "news").await.is_ok());
    fixture.log_out("tv").await.expect("works");
    assert_eq!(
        fixture.stored_decision("tv", "news").await,
        StoredDecision::NotLoggedIn { has_expired: false }
    );
    fixture.provider.log_in("tv", "Cable", MONTH);
    fixture.clock.advance(HOUR);
    assert_eq!(fixture.stored_decision("tv", "news").await, StoredDecision::None);
}

#[tokio::test]
async fn a_denial_is_returned_and_not_stored() {
    let fixture = fixture();
    fixture.provider.log_in("tv", "Cable", MONTH);
    assert!(fixture.authorize("tv", "news").await.is_ok());
    fixture.clock.advance(24 * HOUR);
    let refusal = Refusal { reason: RefusalReason::Operator, ..Refusal::not_logged_in() };
    fixture.provider.state().refusal = Some(refusal.clone());
    assert_eq!(fixture.authorize("tv", "news").await.expect("decides").decision.refusal, Some(refusal));
    assert_eq!(fixture.stored_decision("tv", "news").await, StoredDecision::None);
    assert!(fixture.check("tv").await.is_ok(), "a denial is not a logout");
}

#[tokio::test]
async fn a_denial_because_of_the_login_triggers_a_new_login_check() {
    for reason in [RefusalReason::LoginInvalidated, RefusalReason::ViewerUnknown, RefusalReason::HomeBased] {
        let fixture = fixture();
        fixture.provider.log_in("tv", "Cable", MONTH);
        assert!(fixture.check("tv").await.is_ok());
        fixture.provider.state().refusal = Some(Refusal { reason, ..Refusal::not_logged_in() });
        fixture.provider.state().profiles.clear();
        assert!(fixture.authorize("tv", "news").await.is_ok());
        assert!(is_not_found(&fixture.check("tv").await), "{reason:?}");
    }
}

#[tokio::test]
async fn an_outage_is_not_a_decision() {
    let fixture = fixture();
    fixture.provider.log_in("tv", "Cable", MONTH);
    assert!(fixture.check("tv").await.is_ok());
    fixture.provider.state().is_down = true;
    let failed = fixture.authorize("tv", "news").await;
    assert!(matches!(failed, Err(Error::UpstreamUnavailable { .. })), "{failed:?}");
    assert!(fixture.check("tv").await.is_ok());
}

#[tokio::test]
async fn a_page_can_preauthorize_resources_by_code() {
    let fixture = fixture();
    let code = fixture.code("tv").await;
    let ask = || {
        let lookup = fixture.lookup(&code);
        let service = fixture.service.clone();
        async move {
            let resources = vec![resource("news"), resource("sports")];
            service.preauthorize_by_code(&Caller::anonymous(), &lookup, resources).await
        }
    };
    assert!(is_not_found(&ask().await));
    fixture.log_in_with(&code, "tv");
    let answer = ask().await.expect("is logged in");
    let named: Vec<_> = answer.decisions.iter().map(|decision| decision.resource.as_str()).collect();
    assert_eq!((named, answer.mvpd), (vec!["news", "sports"], Some(mvpd("Cable"))));
}
