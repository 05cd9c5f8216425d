//! Calls to the REST face as devices make them.

use passbridge::admin::{self, OperatorCommand, OperatorResponse as AdminAnswer, StatementCommand};

use super::{
    http::{Answer, Call, call},
    request::REQUESTOR,
    test_server::TestServer,
};

/// `{"model":"AFTMM","osName":"Android"}`
pub const DEVICE_INFO: &str = "eyJtb2RlbCI6IkFGVE1NIiwib3NOYW1lIjoiQW5kcm9pZCJ9";

/// A statement request for the default requestor, without options.
pub fn statement_command() -> StatementCommand {
    StatementCommand { requestors: vec![REQUESTOR.to_owned()], ..StatementCommand::default() }
}

/// Sends a request to the running server's control socket, as operators' commands do.
pub async fn operate(server: &TestServer, command: OperatorCommand) -> AdminAnswer {
    admin::ask(&server.data(), &command).await.expect("answers").expect("a server runs")
}

pub async fn mint(server: &TestServer, command: StatementCommand) -> String {
    match operate(server, OperatorCommand::MintStatement(command)).await {
        AdminAnswer::Statement(statement) => statement.into_revealed(),
        other => panic!("nothing was minted: {other:?}"),
    }
}

pub async fn register(server: &TestServer, statement: &str) -> Answer {
    let body = serde_json::json!({ "software_statement": statement }).to_string();
    call(server.rest_address(), "POST", "/o/client/register").body(body).send().await
}

/// Builds the form of a token request from a registration response.
pub fn token_form(registered: &Answer) -> String {
    let registered = registered.json(201);
    let text = |key: &str| registered[key].as_str().expect("text").to_owned();
    let (client_id, client_secret) = (text("client_id"), text("client_secret"));
    format!("grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}")
}

/// Requests a token.
pub async fn ask_for_token(server: &TestServer, form: String) -> Answer {
    call(server.rest_address(), "POST", "/o/client/token").form(form).send().await
}

/// Gets an access token with the two documented calls.
pub async fn access_token(server: &TestServer, command: StatementCommand) -> String {
    let registered = register(server, &mint(server, command).await).await;
    let issued = ask_for_token(server, token_form(&registered)).await;
    issued.json(201)["access_token"].as_str().expect("a token").to_owned()
}

/// A registered device.
pub struct Device<'a> {
    /// The server's address.
    pub server: &'a TestServer,
    /// The access token.
    pub token: String,
}

impl<'a> Device<'a> {
    /// Registers a device for the default requestor.
    pub async fn of(server: &'a TestServer) -> Self {
        Self { server, token: access_token(server, statement_command()).await }
    }

    /// Creates a call of the device.
    pub fn call(&self, method: &str, path: &str) -> Call {
        let call = call(self.server.rest_address(), method, path);
        call.header("authorization", format!("Bearer {}", self.token))
    }

    /// Creates a code with the required parameters and these.
    pub fn create(&self, parameters: &str) -> Call {
        let path = format!("/reggie/v1/{REQUESTOR}/regcode.json?deviceId=device&{parameters}");
        self.call("POST", &path).header("x-device-info", DEVICE_INFO)
    }

    /// Reads a code as JSON.
    pub fn read(&self, code: &str) -> Call {
        self.call("GET", &format!("/reggie/v1/{REQUESTOR}/regcode/{code}.json"))
    }

    pub fn delete(&self, code: &str) -> Call {
        self.call("DELETE", &format!("/reggie/v1/{REQUESTOR}/regcode/{code}.json"))
    }

    /// Creates a code and returns it.
    pub async fn created(&self) -> String {
        self.create("").send().await.json(201)["code"].as_str().expect("a code").to_owned()
    }
}
