//! The list of operators, parsed as pages and devices do.

use serde_json::{Value, json};

use super::{answer, control, field, second_screen::browser};

#[tokio::test]
async fn the_list_parses_with_the_strictest_known_client() {
    let bridge = field().await;
    control(&bridge, "mvpds", json!({ "id": "Bare", "displayName": "A & <B>", "logoUrl": "" })).await;
    let listed = browser(&bridge).get("/api/v1/config/REF.xml").await;
    let xml = answer::xml(&listed, 200);
    assert!(xml.starts_with("<config>"), "{xml}");
    let requestor = answer::element(xml, "requestor");
    assert_eq!(answer::element(requestor, "id"), "REF");
    let mvpds = answer::element(requestor, "mvpds");
    // Every child must be an `mvpd` with text in each of three elements, and nothing between them.
    let mut rest = mvpds;
    let mut count = 0;
    while !rest.is_empty() {
        let mvpd = rest.strip_prefix("<mvpd>").unwrap_or_else(|| panic!("no mvpd: {rest}"));
        let (mvpd, more) = mvpd.split_once("</mvpd>").expect("ends");
        for name in ["id", "displayName", "logoUrl"] {
            assert!(!answer::element(mvpd, name).is_empty(), "{name}: {mvpd}");
        }
        (rest, count) = (more, count + 1);
    }
    assert!(count >= 10, "{count}");
    assert!(mvpds.contains("<displayName>A &amp; &lt;B&gt;</displayName>"), "{mvpds}");
    assert!(mvpds.contains("<isTempPass>true</isTempPass>"), "{mvpds}");
}

#[tokio::test]
async fn the_list_in_json_has_ids_that_are_objects() {
    let bridge = field().await;
    let listed = answer::json(&browser(&bridge).get("/api/v1/config/REF?format=json").await, 200);
    let mvpds = listed["requestor"]["mvpds"]["mvpd"].as_array().expect("a list");
    let ids: Vec<_> = mvpds.iter().map(|mvpd| &mvpd["id"]["value"]).collect();
    assert!(ids.contains(&&json!("Comcast_SSO")) && ids.iter().all(|id| id.is_string()), "{listed}");
    let comcast = mvpds.iter().find(|mvpd| mvpd["id"]["value"] == "Comcast_SSO").expect("present");
    assert_eq!(comcast["authPerAggregator"], Value::Bool(true), "{comcast}");
}

#[tokio::test]
async fn the_old_path_of_the_list_is_xml_whatever_its_extension() {
    let bridge = field().await;
    for path in ["/adobe-services/config/REF", "/adobe-services/config/REF.json"] {
        let listed = browser(&bridge).get(path).await;
        assert!(answer::xml(&listed, 200).starts_with("<config>"), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_requestor_is_refused() {
    let bridge = field().await;
    for requestor in ["UNKNOWN", "NOBODY", "no!"] {
        answer::message(&browser(&bridge).get(&format!("/api/v1/config/{requestor}.json")).await, 400);
    }
}

#[tokio::test]
async fn a_thousand_reads_of_the_list_are_one_upstream_call() {
    let bridge = field().await;
    let page = browser(&bridge);
    let asking = (0..64).map(|_| page.call("GET", "/api/v1/config/REF").send());
    for listed in futures_util::future::join_all(asking).await {
        answer::xml(&listed, 200);
    }
    assert_eq!(bridge.provider.calls_to("/api/v2/REF/configuration").await.len(), 1);
}
