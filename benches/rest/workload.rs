//! The workloads and their requests, each prepared once as bytes.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use serde_json::Value;

use crate::{
    answer::Outline,
    client::Client,
    support::{
        Result,
        codes::{CODE_LENGTH, Code, Codes},
        device::{DEVICE_ID, Device, device_id},
        load::Workload,
        template::Template,
    },
};

/// The path of a create, in axum's syntax.
pub const CREATE: &str = "/reggie/v1/{requestor}/regcode.json";

/// The path of a read.
pub const READ: &str = "/reggie/v1/{requestor}/regcode/{code}";

pub const REQUESTOR: &str = "REF";

/// The TTL of codes in seconds: the maximum, which is longer than the benchmark.
const TTL: u32 = 1800;

/// The headers of every request.
pub struct Common {
    device: Device,
    headers: String,
}

impl Common {
    /// Calls to `address` with an access token.
    pub fn new(address: SocketAddr, token: &str) -> Result<Self> {
        let device = Device::sample()?;
        let headers = format!(
            "Host: {address}\r\nUser-Agent: {}\r\nAccept: */*\r\nAuthorization: Bearer {token}\r\n",
            device.user_agent()
        );
        Ok(Self { device, headers })
    }

    fn create(&self) -> String {
        format!(
            "POST {}?deviceId={DEVICE_ID}&ttl={TTL} HTTP/1.1\r\n{}X-Device-Info: {}\r\nContent-Length: 0\r\n\r\n",
            CREATE.replace("{requestor}", REQUESTOR),
            self.headers,
            self.device.x_device_info()
        )
    }

    fn read(&self, code: &str, extension: &str) -> String {
        let path = READ.replace("{requestor}", REQUESTOR).replace("{code}", code);
        format!("GET {path}{extension} HTTP/1.1\r\n{}\r\n", self.headers)
    }
}

/// Creates codes, each for another device, and keeps them.
pub struct Create {
    template: Template,
    next_device: AtomicU64,
    codes: Codes,
}

impl Create {
    /// Creates codes of the requestor.
    pub fn new(common: &Common) -> Self {
        let template = Template::new(common.create(), DEVICE_ID);
        Self { template, next_device: AtomicU64::new(0), codes: Codes::default() }
    }

    /// The codes created so far.
    pub fn codes(&self) -> Vec<Code> {
        self.codes.until_now()
    }

    /// The number of codes.
    pub fn code_count(&self) -> usize {
        self.codes.count()
    }
}

impl Workload for Create {
    type Client = Client;

    fn method(&self) -> &u16 {
        &201
    }

    fn request(&self) -> Option<Bytes> {
        let device = self.next_device.fetch_add(1, Ordering::Relaxed);
        Some(self.template.with(device_id(device).as_bytes()))
    }

    fn answered(&self, answer: &[u8]) {
        if let Some(code) = code_of(answer) {
            self.codes.add(code);
        }
    }

    fn request_size(&self) -> usize {
        self.template.len()
    }
}

/// Reads random codes.
pub struct Read {
    template: Template,
    codes: Vec<Code>,
}

impl Read {
    /// Reads random ones of `codes`, which must not be empty, in the format of the extension.
    pub fn new(common: &Common, extension: &str, codes: Vec<Code>) -> Self {
        let mark = "#".repeat(CODE_LENGTH);
        Self { template: Template::new(common.read(&mark, extension), &mark), codes }
    }
}

impl Workload for Read {
    type Client = Client;

    fn method(&self) -> &u16 {
        &200
    }

    fn request(&self) -> Option<Bytes> {
        let index = fastrand::usize(..self.codes.len());
        Some(self.template.with(&self.codes[index]))
    }

    fn request_size(&self) -> usize {
        self.template.len()
    }
}

/// Finds the code without parsing the rest, which would cost more than the call itself.
fn code_of(answer: &[u8]) -> Option<Code> {
    // The record starts with its id and its code.
    const UUID_LENGTH: usize = 36;
    let record = &answer[Outline::of(answer).ok()??.head..];
    let code = record.get(r#"{"id":""#.len() + UUID_LENGTH + r#"","code":""#.len()..)?;
    code.first_chunk().copied()
}

/// Verifies that [`code_of`] finds the same code as a JSON parser.
pub fn check_code(answer: &[u8]) -> Result<()> {
    let head = Outline::of(answer)?.ok_or("the answer is not complete")?.head;
    let record: Value = serde_json::from_slice(&answer[head..])?;
    if code_of(answer).is_some_and(|code| record["code"].as_str().map(str::as_bytes) == Some(&code)) {
        return Ok(());
    }
    Err("the response does not have the code at the expected position".into())
}
