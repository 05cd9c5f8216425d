use std::collections::BTreeMap;

use super::*;
use crate::domain::{
    entitlement::Attribute,
    id::{EnvironmentName, RequestorId},
    secret::assert_withheld,
};

const NOW: Timestamp = Timestamp::from_millis(1_763_000_000_123);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
const MILLISECOND: Duration = Duration::from_millis(1);

fn mvpd(name: &str) -> MvpdId {
    MvpdId::parse("mvpd", name).expect("valid")
}

fn code(text: &str) -> Code {
    Code::from_canonical(text)
}

fn resource(name: &str) -> ResourceDigest {
    ResourceDigest::of(&Resource::parse("resource", name).expect("valid"))
}

/// A login with the operator `Cable`, of an hour ago and for two more.
fn profile() -> Profile {
    Profile {
        mvpd: mvpd("Cable"),
        kind: ProfileKind::Regular,
        issuer: None,
        user_id: Some("viewer".to_owned()),
        issue_time: Some(NOW.before(HOUR)),
        expire_time: Some(NOW + 2 * HOUR),
        attributes: attributes("12345"),
    }
}

fn attributes(zip: &str) -> BTreeMap<String, Attribute> {
    let attribute = Attribute { value: zip.into(), is_encrypted: false };
    BTreeMap::from([("zip".to_owned(), attribute)])
}

fn pending(text: &str) -> PendingCode {
    PendingCode { code: code(text), expire_time: NOW + HOUR, mvpd: None, start_time: None, is_used: false }
}

fn logged_in() -> KnownDevice {
    let mut device = KnownDevice::default();
    device.note_login(&profile(), None, NOW);
    device
}

fn token(name: &str) -> MediaToken {
    MediaToken { value: name.to_owned(), start_time: Some(NOW), expire_time: Some(NOW + HOUR) }
}

/// A decision about the resource of this name, by the operator `Cable`.
fn permitted(name: &str) -> KnownDecision {
    KnownDecision {
        resource: resource(name),
        mvpd: mvpd("Cable"),
        expire_time: Some(NOW + HOUR),
        media_token: Some(token(name)),
    }
}

fn holds(device: &KnownDevice, name: &str) -> bool {
    matches!(device.decision(resource(name), NOW), DecisionState::Valid(_))
}

#[test]
fn a_device_expires_after_its_code_and_its_login() {
    let mut device = KnownDevice::default();
    assert_eq!(device.end(NOW), NOW + DAY, "only device information");
    device.pending = Some(pending("CODE"));
    assert_eq!(device.end(NOW), NOW + HOUR + DAY, "a day after its code");
    device.note_login(&profile(), None, NOW);
    assert_eq!(device.end(NOW), NOW + 2 * HOUR + 30 * DAY, "30 days after its login");
    device.note_login(&Profile { expire_time: None, ..profile() }, None, NOW);
    assert_eq!(device.end(NOW), NOW + 30 * DAY);
    let forever = Profile { expire_time: Some(Timestamp::from_millis(u64::MAX)), ..profile() };
    device.note_login(&forever, None, NOW);
    assert_eq!(device.end(NOW), NOW + 400 * DAY);
}

#[test]
fn a_login_expires_exactly_at_its_expire_time() {
    let device = logged_in();
    let end = NOW + 2 * HOUR;
    assert!(device.valid_login(end.before(MILLISECOND)).is_some());
    assert!(device.valid_login(end).is_none());
    assert!(device.login.is_some_and(|login| login.has_expired(end)));
    let mut endless = KnownDevice::default();
    endless.note_login(&Profile { expire_time: None, ..profile() }, None, NOW);
    assert!(endless.valid_login(NOW + 400 * DAY).is_some());
}

#[test]
fn a_reported_login_is_recorded_with_all_its_parts() {
    let device = logged_in();
    let login = device.login.expect("is known");
    assert_eq!((login.mvpd, login.user_id.as_deref()), (mvpd("Cable"), Some("viewer")));
    assert_eq!((login.kind, login.standing), (ProfileKind::Regular, LoginStanding::Reported));
    assert_eq!((login.issue_time, login.expire_time), (profile().issue_time, profile().expire_time));
    assert_eq!((login.seen_time, login.code), (NOW, None));
    assert_eq!(login.attributes, Some((profile().attributes_digest(), NOW.before(HOUR))));
    let mut device = KnownDevice::default();
    device.note_login(&Profile { issue_time: None, ..profile() }, None, NOW);
    let since = device.login.and_then(|login| login.attributes).map(|(_, since)| since);
    assert_eq!(since, Some(NOW), "the upstream does not report an issue time");
}

#[test]
fn a_login_that_is_reported_again_keeps_its_code_and_seen_time() {
    let mut device = KnownDevice { pending: Some(pending("FIRST")), ..KnownDevice::default() };
    device.note_login(&profile(), None, NOW);
    assert_eq!(device.pending, None);
    device.keep_decision(permitted("channel"));
    device.pending = Some(pending("SECOND"));
    let later = NOW + HOUR;
    let longer = Profile { expire_time: Some(NOW + 5 * HOUR), ..profile() };
    device.note_login(&longer, Some(&code("THIRD")), later);
    let login = device.login.clone().expect("is known");
    assert_eq!((login.code, login.seen_time), (Some(code("FIRST")), NOW));
    assert_eq!(login.expire_time, longer.expire_time);
    assert_eq!(device.pending, Some(pending("SECOND")), "no viewer has logged in with it");
    assert!(holds(&device, "channel"));

    let changed = Profile { attributes: attributes("54321"), ..profile() };
    for (reported, since) in [(&longer, NOW.before(HOUR)), (&changed, later + HOUR), (&changed, later + HOUR)]
    {
        device.note_login(reported, None, later + HOUR);
        let known = device.login.clone().and_then(|login| login.attributes);
        assert_eq!(known, Some((reported.attributes_digest(), since)));
    }

    // The code was used, although the login is the same.
    device.pending = Some(PendingCode { is_used: true, ..pending("SECOND") });
    device.note_login(&longer, None, later);
    assert_eq!(device.pending, None);
}

#[test]
fn a_new_login_belongs_to_the_given_code_or_else_to_the_pending_one() {
    let mut device = logged_in();
    device.pending = Some(pending("PENDING"));
    let newer = Profile { issue_time: Some(NOW), ..profile() };
    device.note_login(&newer, Some(&code("TOLD")), NOW + HOUR);
    let login = device.login.clone().expect("is known");
    assert_eq!((login.code, login.seen_time), (Some(code("TOLD")), NOW + HOUR));
    assert_eq!(device.pending, None);

    device.pending = Some(pending("PENDING"));
    device.note_login(&Profile { mvpd: mvpd("Dish"), ..newer }, None, NOW);
    let login = device.login.expect("is known");
    assert_eq!((login.code, login.mvpd), (Some(code("PENDING")), mvpd("Dish")));
}

#[test]
fn a_different_login_drops_earlier_decisions() {
    for other in [Profile { issue_time: Some(NOW), ..profile() }, Profile { mvpd: mvpd("Dish"), ..profile() }]
    {
        let mut device = logged_in();
        device.keep_decision(permitted("channel"));
        device.note_login(&other, None, NOW);
        assert!(device.decisions.is_empty());
    }
    // A decision may be recorded before its login is reported.
    let mut device = KnownDevice::default();
    device.keep_decision(permitted("channel"));
    assert!(!holds(&device, "channel"));
    device.note_login(&profile(), None, NOW);
    assert!(holds(&device, "channel"));
}

#[test]
fn a_missing_login_is_removed_unless_it_has_expired() {
    let mut device = logged_in();
    device.keep_decision(permitted("channel"));
    let mut expired = device.clone();
    device.note_no_login(NOW);
    assert!(device.login.is_none() && device.decisions.is_empty());
    let end = NOW + 2 * HOUR;
    expired.note_no_login(end);
    assert!(expired.login.as_ref().is_some_and(|login| login.has_expired(end)));
    assert_eq!(expired.decisions.len(), 1);
}

#[test]
fn the_operator_to_ask_is_that_of_the_login_or_of_the_pending_code() {
    let mut device = KnownDevice::default();
    assert_eq!(device.mvpd_to_ask(NOW), None);
    device.note_login(&profile(), None, NOW);
    device.pending = Some(PendingCode { mvpd: Some(mvpd("Dish")), ..pending("CODE") });
    assert_eq!(device.mvpd_to_ask(NOW), Some(&mvpd("Cable")));
    assert_eq!(device.mvpd_to_ask(NOW + 2 * HOUR), Some(&mvpd("Dish")), "the login has expired");
    device.pending = Some(PendingCode { is_used: true, mvpd: Some(mvpd("Dish")), ..pending("CODE") });
    assert!(device.has_used_code());
    assert_eq!(device.mvpd_to_ask(NOW), Some(&mvpd("Dish")), "a viewer has logged in again");
    device.pending = Some(pending("CODE"));
    assert!(!device.has_used_code());
    assert_eq!(device.mvpd_to_ask(NOW), Some(&mvpd("Cable")), "no viewer has used the code");
    assert_eq!(device.mvpd_to_ask(NOW + 2 * HOUR), None, "the operator of the next login is unknown");
    device.pending = None;
    assert_eq!(device.mvpd_to_ask(NOW + 2 * HOUR), None, "any login may follow an expired one");
    device.begin_temp_pass(mvpd("TempPass"), "device".to_owned(), NOW);
    assert_eq!(
        device.mvpd_to_ask(NOW + 2 * HOUR),
        Some(&mvpd("TempPass")),
        "the upstream does not list TempPasses"
    );
}

#[test]
fn a_started_login_is_under_way_until_its_code_expires() {
    let mut device = KnownDevice { pending: Some(pending("CODE")), ..KnownDevice::default() };
    assert!(!device.has_login_under_way(NOW));
    device.pending = Some(PendingCode { start_time: Some(NOW), ..pending("CODE") });
    assert!(device.has_login_under_way((NOW + HOUR).before(MILLISECOND)));
    assert!(!device.has_login_under_way(NOW + HOUR));
    assert!(!KnownDevice::default().has_login_under_way(NOW));
}

#[test]
fn a_begun_temp_pass_replaces_a_login_until_the_upstream_reports_it() {
    let mut device = logged_in();
    device.pending = Some(pending("CODE"));
    device.keep_decision(permitted("channel"));
    device.begin_temp_pass(mvpd("TempPass"), "device".to_owned(), NOW);
    let begun = device.login.clone().expect("is known");
    assert_eq!((&begun.mvpd, begun.user_id.as_deref()), (&mvpd("TempPass"), Some("device")));
    assert_eq!((begun.kind.clone(), begun.standing), (ProfileKind::Temporary, LoginStanding::Begun));
    assert_eq!((begun.issue_time, begun.expire_time), (Some(NOW), Some(NOW + HOUR)));
    assert_eq!((begun.seen_time, begun.code.clone(), begun.attributes), (NOW, None, None));
    assert_eq!(device.pending, None);
    assert!(device.decisions.is_empty());
    assert!(begun.is_begun(NOW) && !begun.is_begun(NOW + HOUR));

    // Begun again, it lasts longer.
    device.begin_temp_pass(mvpd("TempPass"), "device".to_owned(), NOW + MILLISECOND);
    assert_eq!(device.login.as_ref().and_then(|login| login.issue_time), Some(NOW + MILLISECOND));

    device.keep_decision(KnownDecision { mvpd: mvpd("TempPass"), ..permitted("channel") });
    let reported = Profile { mvpd: mvpd("TempPass"), kind: ProfileKind::Temporary, ..profile() };
    device.note_login(&reported, None, NOW + HOUR);
    assert!(holds(&device, "channel"), "the decision belongs to the same TempPass");
    let login = device.login.clone().expect("is known");
    assert_eq!((login.standing, login.seen_time), (LoginStanding::Reported, NOW + HOUR));
    assert_eq!(login.issue_time, profile().issue_time);
    assert!(!login.is_begun(NOW));

    device.begin_temp_pass(mvpd("TempPass"), "device".to_owned(), NOW);
    assert_eq!(device.login, Some(login), "the reported login is kept");
    device.begin_temp_pass(mvpd("TempPass"), "device".to_owned(), NOW + 2 * HOUR);
    assert!(
        device.login.is_some_and(|login| login.is_begun(NOW + 2 * HOUR)),
        "the reported login has expired"
    );
}

#[test]
fn a_login_with_another_operator_replaces_a_begun_temp_pass() {
    let mut device = KnownDevice::default();
    device.begin_temp_pass(mvpd("TempPass"), "device".to_owned(), NOW);
    device.keep_decision(KnownDecision { mvpd: mvpd("TempPass"), ..permitted("channel") });
    device.note_login(&profile(), None, NOW);
    assert!(device.decisions.is_empty());
    assert_eq!(device.login.map(|login| login.standing), Some(LoginStanding::Reported));
}

#[test]
fn a_decision_is_valid_for_its_operator_until_exactly_its_expire_time() {
    let mut device = logged_in();
    assert_eq!(device.decision(resource("channel"), NOW), DecisionState::None);
    device.keep_decision(permitted("channel"));
    let end = NOW + HOUR;
    let state = device.decision(resource("channel"), end.before(MILLISECOND));
    assert_eq!(state, DecisionState::Valid(&permitted("channel")));
    assert_eq!(device.decision(resource("channel"), end), DecisionState::Expired);
    assert_eq!(device.decision(resource("another"), NOW), DecisionState::None);

    let login = device.login.take();
    assert_eq!(device.decision(resource("channel"), NOW), DecisionState::None);
    device.login = login.map(|login| KnownLogin { mvpd: mvpd("Dish"), ..login });
    assert_eq!(device.decision(resource("channel"), NOW), DecisionState::None);

    let mut device = logged_in();
    device.keep_decision(KnownDecision { expire_time: None, ..permitted("channel") });
    assert!(matches!(device.decision(resource("channel"), NOW + 400 * DAY), DecisionState::Valid(_)));
}

#[test]
fn a_later_decision_replaces_an_earlier_one_and_the_oldest_are_removed() {
    let mut device = logged_in();
    device.keep_decision(permitted("0"));
    device.keep_decision(KnownDecision { expire_time: None, ..permitted("0") });
    assert_eq!(device.decisions, [KnownDecision { expire_time: None, ..permitted("0") }]);
    for number in 1..DECISIONS_MAX {
        device.keep_decision(permitted(&number.to_string()));
    }
    // A repeated decision counts as the latest.
    device.keep_decision(permitted("0"));
    assert_eq!(device.decisions.len(), DECISIONS_MAX);
    device.keep_decision(permitted("more"));
    assert_eq!(device.decisions.len(), DECISIONS_MAX);
    assert!(holds(&device, "0") && holds(&device, "2") && holds(&device, "more") && !holds(&device, "1"));

    device.forget_decision(resource("0"));
    assert!(!holds(&device, "0") && holds(&device, "2"));
    assert_eq!(device.decisions.len(), DECISIONS_MAX - 1);
}

#[test]
fn a_media_token_is_returned_once_and_not_shortly_before_its_expiry() {
    let mut device = logged_in();
    device.keep_decision(permitted("channel"));
    device.keep_decision(permitted("another"));
    assert_eq!(device.take_media_token(resource("unknown"), NOW), None);
    assert_eq!(device.take_media_token(resource("channel"), NOW), Some(token("channel")));
    assert_eq!(device.take_media_token(resource("channel"), NOW), None);
    assert!(holds(&device, "channel"), "the decision stays valid");
    assert_eq!(device.take_media_token(resource("another"), NOW), Some(token("another")));

    let taken = |now| {
        let mut device = logged_in();
        device.keep_decision(KnownDecision { expire_time: None, ..permitted("channel") });
        let token = device.take_media_token(resource("channel"), now);
        assert_eq!(
            device.take_media_token(resource("channel"), NOW),
            None,
            "the token is removed in both cases"
        );
        token
    };
    let last = (NOW + HOUR).before(Duration::from_secs(120));
    assert_eq!(taken(last), Some(token("channel")));
    assert_eq!(taken(last + MILLISECOND), None);

    // An expired decision returns no token. A token without an expiry never expires.
    let mut device = logged_in();
    let endless = MediaToken { expire_time: None, ..token("channel") };
    device.keep_decision(KnownDecision { media_token: Some(endless.clone()), ..permitted("channel") });
    assert_eq!(device.take_media_token(resource("channel"), NOW + HOUR), None);
    assert_eq!(device.take_media_token(resource("channel"), NOW), Some(endless));
}

#[test]
fn oversized_values_are_not_stored() {
    let mut device = logged_in();
    for (length, is_kept) in [(MEDIA_TOKEN_MAX, true), (MEDIA_TOKEN_MAX + 1, false)] {
        let long = MediaToken { value: "t".repeat(length), ..token("channel") };
        device.keep_decision(KnownDecision { media_token: Some(long), ..permitted("channel") });
        assert!(holds(&device, "channel"));
        assert_eq!(device.take_media_token(resource("channel"), NOW).is_some(), is_kept);
    }
    for number in 0..=MEDIA_TOKENS_MAX {
        device.keep_decision(permitted(&number.to_string()));
    }
    assert!(holds(&device, "0"));
    assert_eq!(device.take_media_token(resource("0"), NOW), None);
    assert_eq!(device.take_media_token(resource("1"), NOW), Some(token("1")));

    for (length, kept) in [(USER_ID_MAX, Some(USER_ID_MAX)), (USER_ID_MAX + 1, None)] {
        let long = Profile { user_id: Some("u".repeat(length)), ..profile() };
        let user_id = KnownLogin::reported(&long, NOW).user_id;
        assert_eq!(user_id.map(|user_id| user_id.len()), kept);
    }
    for (length, kept) in [(KIND_NAME_MAX, KIND_NAME_MAX), (KIND_NAME_MAX + 1, 0)] {
        let long = Profile { kind: ProfileKind::Other("k".repeat(length)), ..profile() };
        assert_eq!(KnownLogin::reported(&long, NOW).kind.as_str().len(), kept);
    }
}

#[test]
fn codes_of_a_device_belong_to_its_place() {
    let place = Place {
        environment: EnvironmentName::parse("environment", "staging").expect("valid"),
        requestor: RequestorId::parse("requestor", "REF").expect("valid"),
    };
    let device_id = DeviceId::parse("device_id", "a device").expect("valid");
    let key = DeviceKey { place: place.clone(), device_id }.code(code("CODE"));
    assert_eq!((key.place(), key.code), (place, code("CODE")));
}

#[test]
fn debug_output_does_not_show_the_viewer() {
    let mut device = logged_in();
    device.user_agent = "hush viewer".to_owned();
    device.keep_decision(permitted("viewer"));
    let login = device.login.clone().expect("is known");
    assert_withheld("viewer", &[&device, &login, &device.decisions[0]]);
}
