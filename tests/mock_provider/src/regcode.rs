//! Registration codes, v1 (reference, section 2).

use http::StatusCode;

use crate::{
    answer::Answer,
    call::{Call, Parameters},
    code::Code,
    device::Device,
    random,
    record::{self, Record},
    state::Mock,
};

const DEFAULT_TTL: i64 = 30 * 60;
const MAX_TTL: i64 = 36_000;
const DEPRECATED: [&str; 5] = ["deviceType", "deviceUser", "appId", "appVersion", "registrationURL"];

/// `POST /reggie/v1/{requestor}/regcode`
pub(crate) fn create(mock: &mut Mock, call: &Call, requestor: &str) -> Result<Answer, Answer> {
    let parameters = call.parameters();
    let device_id = parameters.get("deviceId").ok_or_else(|| record::missing(call, "deviceId"))?;
    let device = device(call, &parameters)?;
    let now = mock.clock.now();
    let record = Record {
        id: random::uuid(),
        code: Code::random(),
        requestor: requestor.to_owned(),
        mvpd: parameters.get("mvpd").map(str::to_owned),
        generated: now,
        expires: now + ttl(call, &parameters)? * 1000,
        device_id: device_id.to_owned(),
        device,
        deprecated: deprecated(&parameters),
    };
    let expires = record.expires;
    let answer = record.answer(call, StatusCode::CREATED);
    mock.records.insert(record.code, expires, now, record);
    Ok(answer)
}

/// `GET /reggie/v1/{requestor}/regcode/{code}`
pub(crate) fn read(mock: &mut Mock, call: &Call, requestor: &str, code: &str) -> Result<Answer, Answer> {
    let record = find(mock, requestor, code).ok_or_else(|| not_found(call))?;
    Ok(record.answer(call, StatusCode::OK))
}

/// `DELETE /reggie/v1/{requestor}/regcode/{code}`
pub(crate) fn delete(mock: &mut Mock, call: &Call, requestor: &str, code: &str) -> Result<Answer, Answer> {
    find(mock, requestor, code).ok_or_else(|| not_found(call))?;
    let now = mock.clock.now();
    mock.records.remove(code, now);
    Ok(Answer::nothing())
}

/// The record, if it belongs to this requestor.
pub(crate) fn find<'a>(mock: &'a mut Mock, requestor: &str, code: &str) -> Option<&'a Record> {
    let now = mock.clock.now();
    mock.records.get_mut(code, now).map(|record| &*record).filter(|record| record.requestor == requestor)
}

fn not_found(call: &Call) -> Answer {
    record::error(call, StatusCode::NOT_FOUND, "The registration code was not found")
}

fn device(call: &Call, parameters: &Parameters) -> Result<Device, Answer> {
    let sent = call.header("x-device-info").or_else(|| parameters.get("device_info"));
    let encoded = sent.ok_or_else(|| record::missing(call, "device_info"))?;
    let device = Device::parse(encoded, call.header("user-agent"), &call.address(), call.peer.port());
    device.ok_or_else(|| record::error(call, StatusCode::BAD_REQUEST, "The device information is invalid"))
}

/// In seconds.
fn ttl(call: &Call, parameters: &Parameters) -> Result<i64, Answer> {
    let Some(text) = parameters.get("ttl") else { return Ok(DEFAULT_TTL) };
    let ttl = text.parse().ok().filter(|seconds| (1..=MAX_TTL).contains(seconds));
    ttl.ok_or_else(|| record::error(call, StatusCode::BAD_REQUEST, "The ttl is invalid"))
}

fn deprecated(parameters: &Parameters) -> Vec<(&'static str, String)> {
    let sent = |name: &'static str| parameters.get(name).map(|value| (name, value.to_owned()));
    DEPRECATED.into_iter().filter_map(sent).collect()
}
