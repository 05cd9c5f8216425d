//! The form of errors, and the errors of a missing login.

use super::*;
use crate::domain::error::UpstreamAnswer;

#[test]
fn no_fault_looks_like_a_logout() {
    let answer = UpstreamAnswer { status: Some(403), ..UpstreamAnswer::default() };
    let faults = [
        Error::UpstreamForbidden { answer: answer.clone(), was_fast: false },
        Error::UpstreamCredentialsRefused { answer: answer.clone() },
        Error::UpstreamUnavailable { problem: "", answer, retry_after: None },
        Error::Internal(String::new()),
        Error::DeadlineExceeded,
        Error::ShuttingDown,
        Error::StoreUnavailable(crate::domain::error::StoreError::Unavailable(String::new())),
    ];
    for fault in faults {
        let content = FlowFailure::from(fault.clone()).content(Endpoint::CheckAuthn, ResponseFormat::Json);
        assert!(content.status.is_server_error(), "{fault:?} {content:?}");
    }
}

#[test]
fn errors_have_the_documented_form_in_both_formats() {
    let text = |details| {
        let plain = PlainError { status: 403, message: NOT_AUTHORIZED, details };
        [ResponseFormat::Json, ResponseFormat::Xml]
            .map(|format| String::from_utf8(render_body(&plain, format)).expect("UTF-8"))
    };
    let [json, xml] = text(Some(Some("Not in your <package>")));
    assert_eq!(json, r#"{"status":403,"message":"User not authorized","details":"Not in your <package>"}"#);
    assert_eq!(
        xml,
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><error><status>403</status>\
         <message>User not authorized</message><details>Not in your &lt;package&gt;</details></error>"
    );
    assert_eq!(text(Some(None))[0], r#"{"status":403,"message":"User not authorized","details":null}"#);
    assert_eq!(text(None)[0], r#"{"status":403,"message":"User not authorized"}"#);
    let content = ErrorContent::new(StatusCode::GONE, "Gone", "authorization_expired");
    let enhanced = String::from_utf8(render_body(&EnhancedError::new(content, "t"), ResponseFormat::Xml))
        .expect("UTF-8");
    let fields = "<error><action>authorization</action><status>410</status><code>authorization_expired</code>\
                  <message>Gone</message><helpUrl>";
    assert!(enhanced.contains(fields) && enhanced.ends_with("<trace>t</trace></error>"), "{enhanced}");
}

#[test]
fn each_call_has_its_documented_error_for_a_missing_login() {
    let rows = [
        (Endpoint::CheckAuthn, 403, "Forbidden", 403, "Authentication token expired"),
        (Endpoint::CheckAuthnCode, 403, "Forbidden", 403, "Forbidden"),
        (Endpoint::AuthenticateCode, 404, "Not Found", 404, "Not Found"),
        (Endpoint::TokensAuthn, 404, "Not Found", 410, "Gone"),
        (Endpoint::Authorize, 403, NOT_AUTHENTICATED, 403, NOT_AUTHENTICATED),
        (Endpoint::Media, 403, NOT_AUTHENTICATED, 403, NOT_AUTHENTICATED),
        (Endpoint::Authz, 412, NOT_AUTHENTICATED, 412, NOT_AUTHENTICATED),
        (Endpoint::Preauthorize, 412, NOT_AUTHENTICATED, 412, NOT_AUTHENTICATED),
        (Endpoint::PreauthorizeCode, 412, NOT_AUTHENTICATED, 412, NOT_AUTHENTICATED),
        (Endpoint::UserMetadata, 412, NOT_AUTHENTICATED, 412, NOT_AUTHENTICATED),
    ];
    for (endpoint, missing, missing_text, expired, expired_text) in rows {
        let content = |error: Error| FlowFailure::from(error).content(endpoint, ResponseFormat::Json);
        let (none, over) = (content(Error::ProfileNotFound), content(Error::ProfileExpired));
        assert_eq!((none.status.as_u16(), &*none.message), (missing, missing_text), "{endpoint:?}");
        assert_eq!((over.status.as_u16(), &*over.message), (expired, expired_text), "{endpoint:?}");
    }
}
