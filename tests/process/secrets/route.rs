//! Every call of the REST router, in every environment, by registered, legacy and unknown clients.

use http::Method;
use passbridge::rest;
use serde_json::{Value, json};

use super::{
    message::MARK,
    rpc::{DEVICE_INFO, GENERIC_KEY, address},
    scene::{ENVIRONMENTS, Scene, signed},
};
use crate::{
    client::printed,
    support::http::{Call, call},
};

/// A client's credentials.
#[derive(Debug, Clone, Copy)]
enum Shown<'a> {
    Header(&'a str),
    Form(&'a str),
    Query(&'a str),
    Signature,
    Nothing,
}

/// The secrets of a registered client.
struct Client {
    id: String,
    secret: String,
    token: String,
}

/// Calls every path.
pub async fn call_everything(scene: &mut Scene) {
    let statement = printed(scene.command(&[
        "statement",
        "--requestor",
        "REF",
        "--permission",
        "codes.create",
        "--permission",
        "codes.read",
        "--permission",
        "codes.delete",
        "--permission",
        "temp_passes.reset",
    ]));
    scene.secrets.add("a statement of the server's own", &statement);
    let relayed = "the-applications.software-statement.d4e5f6";
    scene.secrets.add("a relayed statement", relayed);
    let mut number = 0;
    for (environment, host) in ENVIRONMENTS {
        let statement = if environment == "default" { statement.as_str() } else { relayed };
        let client = register(scene, host, statement).await;
        // The device flow's paths with an extension have the same handler.
        let is_again =
            |route: &str| is_of_flow(route) && (route.ends_with(".json") || route.ends_with(".xml"));
        for (method, route) in rest::calls().into_iter().filter(|(_, route)| !is_again(route)) {
            for shown in [
                Shown::Header(&client.token),
                Shown::Form(&client.token),
                Shown::Query(&client.token),
                Shown::Header("a-secret-token-of-another-server"),
                Shown::Form("a-secret-token-of-another-server"),
                Shown::Signature,
                Shown::Nothing,
            ] {
                number += 1;
                let code = code(scene, host, &client, number).await;
                for call in calls(&method, route, &code, number, &client) {
                    let call = show(scene, call, &method, shown, number).await.header("host", host);
                    let issues = route.starts_with("/o/client/");
                    // With version 1, the mock provider echoes the request to the caller.
                    let is_owners = issues || is_of_flow(route);
                    let answer =
                        if is_owners { scene.send_by_owner(call).await } else { scene.send(call).await };
                    if issues && answer.status.is_success() {
                        plant_issued(scene, &answer.body);
                    }
                }
            }
        }
        // Unknown paths, and paths of the provider, whose mock echoes the request to the caller.
        let path = format!("/api/v1/{MARK}path?access_token={}", client.token);
        let other = call(scene.server.rest, "GET", &path).header("host", host);
        scene.send_by_owner(other.header("authorization", format!("Bearer {}", client.token))).await;
    }
    scene.secrets.add("a token of another server", "a-secret-token-of-another-server");
}

/// Whether a path belongs to the remaining device flow.
fn is_of_flow(route: &str) -> bool {
    route.starts_with("/api/v1/") || route.starts_with("/adobe-services/")
}

/// Returns the calls of a path: valid and malformed ones. A path that is missing here fails the test.
fn calls(method: &Method, route: &str, code: &str, number: u32, client: &Client) -> Vec<(String, Vec<u8>)> {
    let path = route.replace("{requestor}", "REF").replace("{code}", code).replace("{mvpd}", "Cablevision");
    let device = format!("{MARK}device_id-rest{number}");
    let of = |query: &str| (format!("{path}?{query}"), Vec::new());
    match (method.as_str(), route) {
        (
            "POST",
            "/reggie/v1/{requestor}/regcode"
            | "/reggie/v1/{requestor}/regcode.json"
            | "/reggie/v1/{requestor}/regcode.xml",
        ) => vec![
            of(&format!("deviceId={device}&deviceUser={MARK}user&appId={MARK}app&mvpd={MARK}mvpd")),
            of(&format!("deviceId={device}&device_info={DEVICE_INFO}&format=json")),
            of(&format!("deviceId={device}&device_info=!{MARK}info&ttl={MARK}ttl")),
        ],
        ("GET" | "DELETE", "/reggie/v1/{requestor}/regcode/{code}") => {
            vec![of("format=json"), (path.replace(code, "planted-code"), Vec::new())]
        }
        ("DELETE", "/reset-tempass/v3/reset") => vec![
            of(&format!("requestor_id=REF&mvpd_id=TempPass&device_id={device}")),
            of(&format!("requestor_id=REF&mvpd_id=TempPass&devise_id={device}")),
        ],
        ("DELETE", "/reset-tempass/v3/reset/generic") => vec![
            of(&format!("requestor_id=REF&mvpd_id=TempPassREF&key={GENERIC_KEY}")),
            of(&format!("requestor_id=REF&mvpd_id=TempPassREF&key={MARK}key")),
        ],
        ("POST", "/o/client/register") => vec![
            (path.clone(), json!({ "software_statement": client.secret }).to_string().into()),
            (path, format!("{{\"software_statement\": \"{}\"", client.secret).into()),
        ],
        ("POST", "/o/client/token") => {
            let Client { id, secret, .. } = client;
            let form = |id: &str, secret: &str| {
                format!("grant_type=client_credentials&client_id={id}&client_secret={secret}").into_bytes()
            };
            vec![
                (path.clone(), form(id, secret)),
                (path.clone(), form(secret, id)),
                (path.clone(), form(id, &format!("{secret}x"))),
                (format!("{path}?client_secret={secret}"), form(id, secret)),
                (path, format!("grant_type=password&password={secret}").into_bytes()),
            ]
        }
        (_, route) if is_of_flow(route) => vec![
            of(&format!(
                "requestor=REF&requestor_id=REF&deviceId={device}&mso_id=Cablevision&reg_code={code}\
                 &domain_name={MARK}domain&redirect_url=https%3A%2F%2Fexample.com%2F{MARK}done&resource={MARK}resource\
                 &generic_data=%7B%22email%22%3A%22{MARK}mail%22%7D&ap_vi={MARK}visitor&ast={MARK}subject\
                 &appId={MARK}app&deviceUser={MARK}user&format=json"
            )),
            of(&format!("deviceId={device}&resource=&generic_data={MARK}mail&redirect_url={MARK}done")),
        ],
        _ => panic!("{method} {route} is not listed: add its calls here"),
    }
}

/// Adds the client's credentials and the device information to a call.
async fn show(
    scene: &mut Scene,
    call_of: (String, Vec<u8>),
    method: &Method,
    shown: Shown<'_>,
    number: u32,
) -> Call {
    let (path, body) = call_of;
    let between = if path.contains('?') { '&' } else { '?' };
    let path = match shown {
        Shown::Query(token) => format!("{path}{between}access_token={token}"),
        _ => path,
    };
    let body = match shown {
        Shown::Form(token) if body.is_empty() => format!("access_token={token}").into_bytes(),
        _ => body,
    };
    let call = call(scene.server.rest, method.as_str(), &path)
        .header("x-forwarded-for", address(10_000 + number))
        .header("user-agent", format!("{MARK}user-agent/1.0"));
    let call = match shown {
        Shown::Signature => call,
        _ => call.header("x-device-info", DEVICE_INFO),
    };
    let call = match shown {
        Shown::Header(token) => call.header("authorization", format!("Bearer {token}")),
        Shown::Signature => {
            let now = scene.provider.advance(0).await;
            let line = signed(method.as_str(), &number.to_string(), now);
            let (_, signature) = line.rsplit_once("signature=").expect("has one");
            scene.secrets.add("a legacy signature", signature);
            call.header("authorization", line)
        }
        Shown::Form(_) | Shown::Query(_) | Shown::Nothing => call,
    };
    let is_json = body.starts_with(b"{");
    match body.is_empty() {
        true => call,
        false if is_json => call.header("content-type", "application/json").body(body),
        false => call.form(body),
    }
}

async fn code(scene: &mut Scene, host: &str, client: &Client, number: u32) -> String {
    let path = format!("/reggie/v1/REF/regcode.json?deviceId={MARK}device_id-made{number}");
    let create = call(scene.server.rest, "POST", &path)
        .header("host", host)
        .header("authorization", format!("Bearer {}", client.token))
        .header("x-forwarded-for", address(20_000 + number))
        .header("x-device-info", DEVICE_INFO);
    let code = scene.send(create).await.json(201)["code"].as_str().expect("a code").to_owned();
    scene.personal.add("a code", &code);
    code
}

/// Registers with the two documented calls.
async fn register(scene: &mut Scene, host: &str, statement: &str) -> Client {
    let register = call(scene.server.rest, "POST", "/o/client/register")
        .header("host", host)
        .header("content-type", "application/json")
        .header("x-device-info", DEVICE_INFO)
        .body(json!({ "software_statement": statement, "redirect_uri": "app://done" }).to_string());
    let registered = scene.send_by_owner(register).await.json(201);
    let text = |value: &Value, key: &str| value[key].as_str().expect("text").to_owned();
    let (id, secret) = (text(&registered, "client_id"), text(&registered, "client_secret"));
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let ask = call(scene.server.rest, "POST", "/o/client/token")
        .header("host", host)
        .header("x-device-info", DEVICE_INFO)
        .form(form);
    let token = text(&scene.send_by_owner(ask).await.json(201), "access_token");
    scene.secrets.add("a client's secret", &secret);
    scene.secrets.add("a client's token", &token);
    Client { id, secret, token }
}

fn plant_issued(scene: &mut Scene, body: &str) {
    let issued: Value = serde_json::from_str(body).expect("JSON");
    for (name, key) in [("a client's secret", "client_secret"), ("a client's token", "access_token")] {
        if let Some(text) = issued[key].as_str() {
            scene.secrets.add(name, text);
        }
    }
}
