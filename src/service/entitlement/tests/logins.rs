//! Tests of logins as both screens see them.

use super::*;
use crate::domain::{entitlement::ProfileKind, known_device::LoginStanding};

#[tokio::test]
async fn a_page_sees_the_login_at_once_and_the_device_at_its_next_poll() {
    let fixture = fixture();
    let code = fixture.code("tv").await;
    fixture.start(&code).await;
    assert!(is_not_found(&fixture.check("tv").await));
    fixture.log_in_with(&code, "tv");
    assert!(is_not_found(&fixture.check("tv").await), "the recent answer is cached");
    let seen = fixture.service.page_login(&Caller::anonymous(), &fixture.lookup(&code)).await;
    assert_eq!(seen.expect("is logged in").mvpd, mvpd("Cable"));
    fixture.take_calls();
    assert!(fixture.check("tv").await.is_ok());
    let other = fixture.other.check_login(&Caller::anonymous(), fixture.device("tv")).await;
    assert!(other.is_ok(), "another server has it too");
    assert_eq!(fixture.take_calls(), [""; 0], "no upstream call is necessary");
}

#[tokio::test]
async fn a_login_ends_the_watches_of_its_code() {
    let fixture = fixture();
    let code = fixture.code("tv").await;
    fixture.log_in_with(&code, "tv");
    assert!(fixture.check("tv").await.is_ok());
    let gone = fixture.registration.get(&Caller::anonymous(), &fixture.lookup(&code)).await;
    assert!(matches!(gone, Err(Error::CodeNotFound(_))), "{gone:?}");
    let seen = fixture.service.page_login(&Caller::anonymous(), &fixture.lookup(&code)).await;
    assert!(seen.is_ok(), "the page still gets the login: {seen:?}");
}

#[tokio::test]
async fn a_login_seen_by_a_watch_is_checked_at_the_next_poll() {
    let fixture = fixture();
    let code = fixture.code("tv").await;
    assert!(is_not_found(&fixture.check("tv").await));
    fixture.log_in_with(&code, "tv");
    fixture.memory.code_used(&code).await.expect("works");
    assert!(fixture.check("tv").await.is_ok());
}

#[tokio::test]
async fn a_deleted_code_is_not_found() {
    let fixture = fixture();
    let code = fixture.code("tv").await;
    fixture.log_in_with(&code, "tv");
    assert!(fixture.check("tv").await.is_ok());
    fixture.memory.code_deleted(&code).await.expect("works");
    let seen = fixture.service.page_login(&Caller::anonymous(), &fixture.lookup(&code)).await;
    assert!(matches!(seen, Err(Error::CodeNotFound(_))), "{seen:?}");
}

#[tokio::test]
async fn an_expired_login_differs_from_a_missing_one() {
    let fixture = fixture();
    assert!(is_not_found(&fixture.check("tv").await));
    fixture.provider.log_in("other", "Cable", HOUR);
    assert!(fixture.check("other").await.is_ok());
    fixture.clock.advance(HOUR);
    let ended = fixture.check("other").await;
    assert!(matches!(ended, Err(Error::ProfileExpired)), "{ended:?}");
    fixture.provider.state().profiles.clear();
    fixture.clock.advance(MINUTE);
    let ended = fixture.check("other").await;
    assert!(matches!(ended, Err(Error::ProfileExpired)), "{ended:?}");
    fixture.log_out("other").await.expect("works");
    assert!(is_not_found(&fixture.check("other").await), "a logout clears that too");
}

#[tokio::test]
async fn a_logout_applies_to_every_server_at_once() {
    let fixture = fixture();
    fixture.provider.log_in("tv", "Cable", MONTH);
    fixture.provider.log_in("tv", "Satellite", MONTH);
    assert!(fixture.check("tv").await.is_ok());
    let other = async || fixture.other.check_login(&Caller::anonymous(), fixture.device("tv")).await;
    assert!(other().await.is_ok());
    assert_eq!(fixture.log_out("tv").await.expect("works").actions.len(), 2);
    assert!(is_not_found(&fixture.check("tv").await));
    assert!(is_not_found(&other().await));
}

#[tokio::test]
async fn a_failed_logout_reports_an_error_and_keeps_the_login() {
    let fixture = fixture();
    fixture.provider.log_in("tv", "Cable", MONTH);
    assert!(fixture.check("tv").await.is_ok());
    fixture.provider.state().is_down = true;
    assert!(matches!(fixture.log_out("tv").await, Err(Error::UpstreamUnavailable { .. })));
    fixture.provider.state().is_down = false;
    assert!(fixture.check("tv").await.is_ok());
}

#[tokio::test]
async fn an_answer_from_before_a_logout_does_not_restore_the_login() {
    let fixture = fixture();
    fixture.provider.log_in("tv", "Cable", MONTH);
    assert!(fixture.check("tv").await.is_ok());
    fixture.clock.advance(MINUTE);
    fixture.provider.state().latency = Duration::from_millis(50);
    let (service, device) = (fixture.other.clone(), fixture.device("tv"));
    let asking = tokio::spawn(async move { service.check_login(&Caller::anonymous(), device).await });
    tokio::task::yield_now().await;
    fixture.provider.state().latency = Duration::ZERO;
    // The upstream call is in progress. The fake reads its state only when it answers, so the login is restored there
    // for that moment.
    fixture.log_out("tv").await.expect("works");
    fixture.provider.log_in("tv", "Cable", MONTH);
    let key = fixture.device("tv").key();
    let emptied = fixture.memory.get(&key).await.expect("works").expect("is noted");
    assert!(emptied.device.login.is_none());
    fixture.clock.advance(Duration::from_millis(50));
    assert!(asking.await.expect("ends").is_ok(), "the repeated call finds the new login");
    let calls = fixture.take_calls();
    assert!(
        calls.iter().filter(|what| **what == "profile" || **what == "profiles").count() >= 3,
        "{calls:?}"
    );
}

#[tokio::test]
async fn an_outage_ends_no_login() {
    let fixture = fixture();
    fixture.provider.log_in("tv", "Cable", MONTH);
    assert!(fixture.check("tv").await.is_ok());
    fixture.provider.state().is_down = true;
    fixture.clock.advance(HOUR);
    assert!(fixture.check("tv").await.is_ok());
    let stranger = fixture.check("stranger").await;
    assert!(matches!(stranger, Err(Error::UpstreamUnavailable { .. })), "{stranger:?}");
    fixture.clock.advance(MONTH);
    assert!(fixture.check("tv").await.is_err(), "it has expired");
}

#[tokio::test]
async fn the_newest_of_several_logins_counts() {
    let fixture = fixture();
    fixture.provider.log_in("tv", "Cable", MONTH);
    fixture.clock.advance(MINUTE);
    fixture.provider.log_in("tv", "Satellite", MONTH);
    assert_eq!(fixture.check("tv").await.expect("is logged in").mvpd, mvpd("Satellite"));
}

#[tokio::test]
async fn a_started_temp_pass_counts_as_a_login_until_the_first_decision() {
    let fixture = fixture();
    let begin = async |id, mvpd_id| {
        let device = fixture.device(id);
        fixture.service.begin_temp_pass(&Caller::anonymous(), device, mvpd(mvpd_id)).await
    };
    let refused = begin("tv", "Cable").await;
    assert!(matches!(refused, Err(Error::InvalidFields(_))), "{refused:?}");
    begin("tv", "TempPass").await.expect("begins");
    let login = fixture.check("tv").await.expect("goes on");
    assert_eq!((login.mvpd, login.kind), (mvpd("TempPass"), ProfileKind::Temporary));
    assert_eq!(login.standing, LoginStanding::Begun);
    assert!(login.user_id.is_some_and(|id| id.starts_with("temppass_") && id.len() == 49));
    let request = AuthorizeResource {
        login: Login { device: fixture.device("tv"), mvpd: None },
        resource: Resource::parse("resource", "news").expect("valid"),
        keeps_token: true,
    };
    let decided = fixture.service.authorize(&Caller::anonymous(), request).await.expect("decides");
    assert_eq!((decided.decision.refusal, decided.mvpd), (None, Some(mvpd("TempPass"))));
    let login = fixture.check("tv").await.expect("is logged in");
    assert_eq!(login.standing, LoginStanding::Reported, "the trial has started");
    fixture.log_out("tv").await.expect("works");
    assert!(is_not_found(&fixture.check("tv").await));
}

#[tokio::test]
async fn facts_that_a_device_reported_once_are_sent_with_later_calls() {
    let fixture = fixture();
    let code = fixture.code("tv").await;
    fixture.start(&code).await;
    let mut device = fixture.device("tv");
    device.info =
        DeviceInfo::decode("eyJtb2RlbCI6IlRWIFgiLCJvc05hbWUiOiJUaXplbiJ9").ok().map(|(info, _)| info);
    device.user_agent = "Tizen/9".to_owned();
    device.temp_pass_identity = Some("{\"email\":\"a\"}".to_owned().into());
    let said = device.info.as_ref().map(DeviceInfo::encode).expect("decodes");
    assert!(is_not_found(&fixture.service.check_login(&Caller::anonymous(), device).await));
    fixture.clock.advance(HOUR);
    let silent = DeviceContext { user_agent: String::new(), ..fixture.device("tv") };
    assert!(is_not_found(&fixture.service.check_login(&Caller::anonymous(), silent).await));
    let last = fixture.provider.state().calls.last().and_then(|call| call.subject.clone());
    let last = last.expect("a call");
    assert_eq!((last.device_info, last.user_agent.as_str()), (said, "Tizen/9"));
    assert_eq!(last.temp_pass_identity.map(SecretText::into_revealed).as_deref(), Some("{\"email\":\"a\"}"));
}

#[tokio::test]
async fn wrong_codes_are_charged_to_the_guesser() {
    let fixture = fixture();
    let wrong = CodeKey {
        environment: fixture.place().environment,
        requestor: fixture.place().requestor,
        code: Code::from_canonical("BBBBBBB"),
    };
    for _ in 0..10 {
        let missed = fixture.service.page_login(&Caller::anonymous(), &fixture.lookup(&wrong)).await;
        assert!(matches!(missed, Err(Error::CodeNotFound(_))), "{missed:?}");
    }
    let refused = fixture.service.page_login(&Caller::anonymous(), &fixture.lookup(&wrong)).await;
    assert!(matches!(refused, Err(Error::LookupBudgetExhausted { .. })), "{refused:?}");
}

#[tokio::test]
async fn concurrent_creates_for_one_device_do_not_conflict() {
    let fixture = fixture();
    let codes = futures_util::future::join_all((0..64).map(|_| fixture.code("tv"))).await;
    for code in codes {
        let device = fixture.memory.of_code(&code).await.expect("works");
        assert_eq!(device.map(|key| key.device_id), Some(fixture.device("tv").id));
    }
}
