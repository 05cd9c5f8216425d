//! A TV and its viewer's page, whose calls alternate between servers.

use std::{collections::BTreeSet, fs};

use futures_util::{StreamExt, future::join_all};
use passbridge::proto::v1::registration_code::State;
use serde_json::{Value, json};

use crate::{
    PATIENCE, engines,
    support::{
        Installation,
        http::{Answer, call},
        provider::Provider,
        request::watch,
        server_process::ServerProcess,
    },
};

const DEVICE: &str = "requestor=REF&deviceId=2ab3fb02b8e2a2f2&format=json";
const DEVICE_INFO: &str = "eyJtb2RlbCI6IkFGVE1NIiwib3NOYW1lIjoiQW5kcm9pZCJ9";

/// Two servers with one engine and one provider, and the token of a TV.
struct Scene {
    provider: Provider,
    one: ServerProcess,
    other: ServerProcess,
    token: String,
    _installation: Installation,
    _statement: tempfile::NamedTempFile,
}

impl Scene {
    fn over(urls: &[String]) -> Self {
        let provider = Provider::start();
        let statement = tempfile::NamedTempFile::new().expect("a file");
        fs::write(statement.path(), "the operator's statement").expect("writes");
        let more = format!(
            "[environments.default]\nbackend = \"v2\"\nregistration = \"own\"\nurl = \"{}\"\n\
             software_statement_file = \"{}\"\n",
            provider.url(),
            statement.path().display()
        );
        let installation = Installation::over(urls, &more);
        let [one, other] = installation.two();
        let url = format!("http://{}", one.rest);
        let token = installation.command(&["token", "--requestor", "REF", "--url", &url]);
        Self { provider, one, other, token, _installation: installation, _statement: statement }
    }

    async fn send(&self, server: &ServerProcess, method: &str, path: &str) -> Answer {
        let call = call(server.rest, method, path).header("authorization", format!("Bearer {}", self.token));
        call.header("x-device-info", DEVICE_INFO).send().await
    }

    async fn get(&self, server: &ServerProcess, path: &str, status: u16) -> Value {
        let answer = self.send(server, "GET", path).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        serde_json::from_str(&answer.body).expect("JSON")
    }

    /// Creates a code at one of the servers.
    async fn code(&self) -> String {
        let created = self.send(&self.one, "POST", &format!("/reggie/v1/REF/regcode?{DEVICE}")).await;
        assert_eq!(created.status, 201, "{created:?}");
        let created: Value = serde_json::from_str(&created.body).expect("JSON");
        created["code"].as_str().expect("a code").to_owned()
    }

    /// Logs a viewer in through the other server.
    async fn log_in(&self, code: &str) {
        let path = format!(
            "/api/v1/authenticate?reg_code={code}&requestor_id=REF&mso_id=Cablevision&domain_name=adobe.com\
             &redirect_url=https%3A%2F%2Factivate.example.com%2Fdone"
        );
        let sent = call(self.other.rest, "GET", &path).send().await;
        assert_eq!(sent.status, 302, "{sent:?}");
        self.provider.log_in(code, "Cablevision").await;
    }
}

async fn over_both(act: impl AsyncFn(Scene)) {
    let (server, cluster) = engines();
    for urls in [vec![server.url()], cluster.urls()] {
        act(Scene::over(&urls)).await;
    }
}

#[tokio::test]
async fn logins_and_logouts_are_visible_at_every_replica() {
    over_both(async |scene| {
        let code = scene.code().await;
        let check = format!("/api/v1/checkauthn?{DEVICE}");
        scene.get(&scene.one, &check, 403).await;
        let mut watched =
            scene.one.codes().watch_registration_code(watch(&code)).await.expect("watches").into_inner();
        watched.next().await.expect("a message").expect("is pending");
        scene.log_in(&code).await;
        let page = format!("/api/v1/checkauthn/{code}?requestor=REF&format=json");
        let checked = call(scene.other.rest, "GET", &page).send().await;
        assert_eq!(checked.status, 200, "{checked:?}");
        scene.get(&scene.one, &check, 200).await;
        let login = scene.get(&scene.one, &format!("/api/v1/tokens/authn?{DEVICE}"), 200).await;
        assert_eq!(login, scene.get(&scene.other, &format!("/api/v1/tokens/authn?{DEVICE}"), 200).await);
        let last = tokio::time::timeout(PATIENCE, watched.next()).await.expect("it ends");
        let last = last.expect("a message").expect("no error").registration_code.expect("a code");
        assert_eq!(last.state(), State::Released);

        let ended = scene.send(&scene.other, "DELETE", &format!("/api/v1/logout?{DEVICE}")).await;
        assert_eq!(ended.status, 204, "{ended:?}");
        scene.get(&scene.one, &check, 403).await;
    })
    .await;
}

#[tokio::test]
async fn authorizations_are_shared_by_replicas_and_media_tokens_are_issued_once() {
    over_both(async |scene| {
        let code = scene.code().await;
        scene.log_in(&code).await;
        let page = format!("/api/v1/checkauthn/{code}?requestor=REF&format=json");
        assert_eq!(call(scene.other.rest, "GET", &page).send().await.status, 200);
        let about = |call: &str| format!("/api/v1/{call}?{DEVICE}&resource=news");
        let permitted = scene.get(&scene.one, &about("authorize"), 200).await;
        assert_eq!(scene.get(&scene.other, &about("tokens/authz"), 200).await, permitted);
        let asked = scene.provider.calls_to("/api/v2/REF/decisions/").await.len();

        let servers = [&scene.one, &scene.other].into_iter().cycle().take(6);
        let media = about("tokens/media");
        let tokens = join_all(servers.map(|server| scene.get(server, &media, 200))).await;
        let tokens: BTreeSet<_> = tokens.iter().map(|media| media["serializedToken"].to_string()).collect();
        assert_eq!(tokens.len(), 6, "each was handed out once");
        let more = scene.provider.calls_to("/api/v2/REF/decisions/").await.len() - asked;
        assert!(more <= 6, "{more} decisions for six tokens, of which one was there");

        scene.provider.control("POST", "verdicts", json!({ "code": "authorization_denied_by_mvpd" })).await;
        scene.get(&scene.other, &media, 403).await;
        scene.get(&scene.one, &about("tokens/authz"), 404).await;
    })
    .await;
}
