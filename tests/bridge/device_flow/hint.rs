//! Values that devices send for the provider alone: forwarded with the call and not stored.

use super::{DEVICE_ID, MVPD, answer, code, field, logged_in, second_screen, tv};

#[tokio::test]
async fn visitor_ids_and_platform_tokens_are_forwarded_with_their_call() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    bridge.provider.forget_calls().await;
    let about = format!("requestor=REF&deviceId={DEVICE_ID}&format=json");
    answer::json(
        &tv.get(&format!("/api/v1/authorize?{about}&resource=a&ap_vi=visitor%2F1&ast=a.subject.token")).await,
        200,
    );
    let with_headers = tv
        .clone()
        .with("adobe-subject-token", "another.token")
        .with("x-roku-reserved-roku-connect-token", "roku");
    answer::json(&with_headers.get(&format!("/api/v1/authorize?{about}&resource=b")).await, 200);
    answer::json(&tv.get(&format!("/api/v1/authorize?{about}&resource=c")).await, 200);
    let calls = bridge.provider.calls_to("/api/v2/REF/decisions/").await;
    let header = |index: usize, name: &str| calls[index]["headers"][name].as_str().map(str::to_owned);
    assert_eq!(header(0, "ap-visitor-identifier").as_deref(), Some("visitor/1"));
    assert_eq!(header(0, "adobe-subject-token").as_deref(), Some("a.subject.token"));
    assert_eq!(header(1, "adobe-subject-token").as_deref(), Some("another.token"));
    assert_eq!(header(1, "x-roku-reserved-roku-connect-token").as_deref(), Some("roku"));
    for name in ["ap-visitor-identifier", "adobe-subject-token", "x-roku-reserved-roku-connect-token"] {
        assert_eq!(header(2, name), None, "{name}");
    }
}

#[tokio::test]
async fn visitor_ids_and_platform_tokens_are_forwarded_when_a_code_is_created() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let path = format!("/reggie/v1/REF/regcode.json?deviceId={DEVICE_ID}&ap_vi=visitor&ast=a.subject.token");
    let created = tv.post(&path, "device_info=eyJtb2RlbCI6IkFGVE1NIiwib3NOYW1lIjoiQW5kcm9pZCJ9").await;
    answer::json(&created, 201);
    let calls = bridge.provider.calls_to("/api/v2/REF/sessions").await;
    assert_eq!(calls[0]["headers"]["ap-visitor-identifier"], "visitor");
    assert_eq!(calls[0]["headers"]["adobe-subject-token"], "a.subject.token");
}

#[tokio::test]
async fn values_that_no_header_can_hold_are_omitted() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let code = code(&tv).await;
    second_screen::log_in(&bridge, &code, MVPD).await;
    bridge.provider.forget_calls().await;
    for odd in ["a%0D%0Ab: c", &"x".repeat(3_000), "%00", "%C3%A4"] {
        let path = format!(
            "/api/v1/tokens/usermetadata?requestor=REF&deviceId={DEVICE_ID}&format=json&ap_vi={odd}&ast={odd}"
        );
        let answered = tv.get(&path.replace(' ', "%20")).await;
        assert!([200, 400].contains(&answered.status.as_u16()), "{answered:?}");
        answer::json(&answered, answered.status.as_u16());
    }
    let calls = bridge.provider.calls().await;
    assert!(calls.iter().all(|call| call["headers"].get("b").is_none()), "{calls:?}");
}
