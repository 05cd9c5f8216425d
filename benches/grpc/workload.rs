//! The workloads and their messages. A message is encoded once; values that differ from call to call are written over
//! placeholders.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use passbridge::proto::v1::{
    CreateRegistrationCodeRequest, CreateRegistrationCodeResponse, DeleteRegistrationCodeRequest,
    GetRegistrationCodeRequest, create_registration_code_request::Device as DeviceOneof,
};
use prost::Message;

use crate::{
    client::{Client, PREFIX},
    echo::{self, EchoRequest, EchoResponse},
    support::{
        Result,
        codes::{CODE_LENGTH, Code, Codes},
        device::{DEVICE_ID, Device, device_id},
        load::Workload,
        template::Template,
    },
};

pub const REQUESTOR: &str = "sampleRequestorId";

/// Creates codes, each for another device, and keeps them.
pub struct Create {
    template: Template,
    next_device: AtomicU64,
    last_device: u64,
    codes: Codes,
}

impl Create {
    /// Creates codes with this TTL in seconds, or the server's default.
    pub fn new(ttl: Option<i64>) -> Result<Self> {
        create_request(ttl).map(Self::of)
    }

    /// The same with a `request_id` for each, as clients send that may repeat a call.
    pub fn repeatable(ttl: Option<i64>) -> Result<Self> {
        Ok(Self::of(CreateRegistrationCodeRequest {
            request_id: format!("00000000-0000-4000-8000-{DEVICE_ID}"),
            ..create_request(ttl)?
        }))
    }

    /// Each call has its own value in place of every [`DEVICE_ID`] in `request`.
    fn of(request: CreateRegistrationCodeRequest) -> Self {
        Self {
            template: Template::new(framed(&request), DEVICE_ID),
            next_device: AtomicU64::new(0),
            last_device: u64::MAX,
            codes: Codes::default(),
        }
    }

    /// Limits the number of requests.
    pub fn limited(self, count: u64) -> Self {
        Self { last_device: count, ..self }
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

    fn method(&self) -> &str {
        "/passbridge.v1.RegistrationCodeService/CreateRegistrationCode"
    }

    fn request(&self) -> Option<Bytes> {
        let device = self.next_device.fetch_add(1, Ordering::Relaxed);
        (device < self.last_device).then(|| self.template.with(device_id(device).as_bytes()))
    }

    fn request_size(&self) -> usize {
        self.template.len() - PREFIX
    }

    fn answered(&self, message: &[u8]) {
        if let Some(code) = code_of(message) {
            self.codes.add(code);
        }
    }
}

/// Creates codes up to this number, plus at most the calls in flight.
pub struct Fill {
    /// The create workload.
    pub create: Arc<Create>,
    /// The target number of codes.
    pub count: usize,
}

impl Workload for Fill {
    type Client = Client;

    fn method(&self) -> &str {
        self.create.method()
    }

    fn request(&self) -> Option<Bytes> {
        (self.create.code_count() < self.count).then(|| self.create.request()).flatten()
    }

    fn request_size(&self) -> usize {
        self.create.request_size()
    }

    fn answered(&self, message: &[u8]) {
        self.create.answered(message);
    }
}

/// Reads random codes.
pub struct Get {
    template: Template,
    codes: Vec<Code>,
}

impl Get {
    /// Reads random ones of `codes`, which must not be empty.
    pub fn new(codes: Vec<Code>) -> Self {
        let request = GetRegistrationCodeRequest {
            requestor_id: REQUESTOR.to_owned(),
            code: "#".repeat(CODE_LENGTH),
            ..GetRegistrationCodeRequest::default()
        };
        Self { template: Template::new(framed(&request), &request.code), codes }
    }
}

impl Workload for Get {
    type Client = Client;

    fn method(&self) -> &str {
        "/passbridge.v1.RegistrationCodeService/GetRegistrationCode"
    }

    fn request(&self) -> Option<Bytes> {
        let index = fastrand::usize(..self.codes.len());
        Some(self.template.with(&self.codes[index]))
    }

    fn request_size(&self) -> usize {
        self.template.len() - PREFIX
    }
}

/// Deletes codes.
pub struct Delete(Template);

impl Delete {
    pub const METHOD: &str = "/passbridge.v1.RegistrationCodeService/DeleteRegistrationCode";

    /// Deletes each code once.
    pub fn new() -> Self {
        let request = DeleteRegistrationCodeRequest {
            requestor_id: REQUESTOR.to_owned(),
            code: "#".repeat(CODE_LENGTH),
            ..DeleteRegistrationCodeRequest::default()
        };
        Self(Template::new(framed(&request), &request.code))
    }

    /// The request for one code.
    pub fn request(&self, code: &Code) -> Bytes {
        self.0.with(code)
    }
}

/// Calls the echo with messages of the same sizes as another workload's.
pub struct EchoWorkload {
    body: Bytes,
}

impl EchoWorkload {
    /// A request and a response of these sizes in bytes.
    pub fn of_size(request: usize, response: usize) -> Self {
        let response_size = payload_size(response, |payload| EchoResponse { payload }.encoded_len());
        let message =
            |payload| EchoRequest { payload, response_size: u32::try_from(response_size).unwrap_or(0) };
        let request_size = payload_size(request, |payload| message(payload).encoded_len());
        Self { body: framed(&message(vec![b'x'; request_size])) }
    }
}

impl Workload for EchoWorkload {
    type Client = Client;

    fn method(&self) -> &str {
        echo::PATH
    }

    fn request(&self) -> Option<Bytes> {
        Some(self.body.clone())
    }

    fn request_size(&self) -> usize {
        self.body.len() - PREFIX
    }
}

/// The payload size of a message of `size` bytes.
fn payload_size(size: usize, encoded: impl Fn(Vec<u8>) -> usize) -> usize {
    (0..=size).rev().find(|payload| encoded(vec![0; *payload]) <= size).unwrap_or(0)
}

fn create_request(ttl: Option<i64>) -> Result<CreateRegistrationCodeRequest> {
    let device = Device::sample()?;
    Ok(CreateRegistrationCodeRequest {
        requestor_id: REQUESTOR.to_owned(),
        device_id: Some(DEVICE_ID.to_owned()),
        device: Some(DeviceOneof::XDeviceInfo(device.x_device_info())),
        user_agent: device.user_agent().to_owned(),
        device_ip: device.property("ip").as_str().unwrap_or_default().to_owned(),
        device_port: device.property("port").as_u64().unwrap_or_default().try_into()?,
        mvpd_id: "sampleMvpdId".to_owned(),
        ttl: ttl.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
        ..CreateRegistrationCodeRequest::default()
    })
}

/// Finds the code without decoding the rest, which would cost more than the call itself.
pub fn code_of(message: &[u8]) -> Option<Code> {
    // Fields are in the order of their numbers: the registration code is the first of the response, and its code is the
    // second field, after the UUID.
    const UUID_LENGTH: usize = 36;
    let length_bytes = message.iter().skip(1).position(|byte| byte & 0x80 == 0)? + 1;
    let code = message.get(1 + length_bytes + 2 + UUID_LENGTH + 2..)?;
    code.first_chunk().copied()
}

/// Verifies that [`code_of`] finds the same code as a decoder.
pub fn check_code(message: &[u8]) -> Result<()> {
    let decoded = CreateRegistrationCodeResponse::decode(message)?.registration_code.unwrap_or_default().code;
    if code_of(message).is_some_and(|code| code == decoded.as_bytes()) {
        return Ok(());
    }
    Err("the response does not have the code at the expected position".into())
}

pub fn framed(message: &impl Message) -> Bytes {
    let length = u32::try_from(message.encoded_len()).expect("messages of the benchmark are small");
    let mut frame = Vec::with_capacity(PREFIX + length as usize);
    frame.push(0);
    frame.extend_from_slice(&length.to_be_bytes());
    message.encode(&mut frame).expect("a vector has enough capacity");
    frame.into()
}
