//! The provider's OpenAPI files and Prism (<https://stoplight.io/open-source/prism>), a proxy between a client and
//! a provider that rejects requests and responses that violate the files.
//!
//! The files are not part of this repository. `PROVIDER_OPENAPI` names their folder.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Map, Value, json};

/// A Prism proxy for a provider. It is killed when the test ends.
pub struct Prism {
    address: SocketAddr,
    child: Child,
    _description: tempfile::NamedTempFile,
}

/// Returns the folder of the provider's files, if it is set.
pub fn folder() -> Option<PathBuf> {
    let folder = env::var_os("PROVIDER_OPENAPI").filter(|folder| !folder.is_empty());
    if folder.is_none() {
        println!(
            "SKIPPED: PROVIDER_OPENAPI is not set, so nothing is validated against the provider's files"
        );
    }
    folder.map(PathBuf::from)
}

impl Prism {
    /// Starts Prism for the provider at this origin, with the files of this folder.
    pub fn before(provider: &str, folder: &Path) -> Self {
        let file = tempfile::Builder::new().suffix(".json").tempfile().expect("a file");
        std::fs::write(file.path(), description(folder).to_string()).expect("writes");
        let mut child = Command::new("prism")
            .args(["proxy", "--errors", "--host", "127.0.0.1", "--port", "0"])
            .arg(file.path())
            .arg(provider)
            .env_remove("NODE_ENV")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("prism is needed on the PATH: npm install @stoplight/prism-cli");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(lines.read_line(&mut line).expect("readable") > 0, "prism ended");
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.trim().parse().expect("an address");
            }
        };
        // Prism logs every call and would block if its output were not read.
        std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
        Self { address, child, _description: file }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Merges the two files, with the paths as they are called and a few corrections.
fn description(folder: &Path) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for (file, prefix) in [("dcrApi.json", "/o"), ("restApiV2.json", "/api/v2")] {
        let text =
            std::fs::read_to_string(folder.join(file)).expect("PROVIDER_OPENAPI has the provider's files");
        let mut one: Value = serde_json::from_str(&text).expect("JSON");
        let of_one = std::mem::take(&mut one["paths"]);
        paths.extend(
            of_one
                .as_object()
                .expect("paths")
                .clone()
                .into_iter()
                .map(|(path, item)| (prefix.to_owned() + &path, item)),
        );
        schemas.extend(one["components"]["schemas"].as_object().expect("schemas").clone());
    }
    // The provider's pages document a form with these parameters here.
    paths["/o/client/token"]["post"]["requestBody"] = json!({ "content": { "*/*": {} } });
    // The examples of the provider's pages have strings and other types here.
    schemas["ErrorInformation"]["properties"]["message"] = json!({});
    schemas["UserMetadataResponse"]["properties"]["value"] = json!({});
    for path in ["/reset-tempass/v3/reset", "/reset-tempass/v3/reset/generic"] {
        let any = json!({ "responses": { "default": { "description": "not described" } } });
        paths.insert(path.to_owned(), json!({ "delete": any, "get": any }));
    }
    json!({
        "openapi": "3.0.1",
        "info": { "title": "what is called", "version": "1" },
        "paths": paths,
        "components": { "schemas": schemas },
    })
}
