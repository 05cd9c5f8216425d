//! The calls of the clients. They use few objects at a time, so that their calls race, and move on to new ones, so that each object
//! has few enough calls for the checker to order.

use std::{collections::VecDeque, sync::Mutex};

use uuid::Uuid;

use crate::call::{Body, Operation, Outcome};

/// The number of codes that clients read and delete at a time.
const CODES: usize = 12;
/// The number of request ids in use at a time, and the number of uses of each.
const REQUESTS: usize = 3;
const REQUEST_USES: u32 = 9;
/// The number of TempPasses in use at a time. One is replaced after this number of calls, or of calls with unknown outcome, each of
/// which doubles the work of the checker.
const TEMP_PASSES: usize = 2;
const TEMP_PASS_CALLS: u32 = 100;
const TEMP_PASS_UNKNOWN: u32 = 6;
const DEVICES: usize = 4;
const KEYS: usize = 3;
const RESOURCES: usize = 5;

/// The shared state of the clients.
pub struct Workload {
    /// The total number of TempPasses.
    temp_passes: usize,
    known: Mutex<KnownObjects>,
}

#[derive(Default)]
struct KnownObjects {
    /// All created codes, and those that clients currently use.
    codes: Vec<String>,
    current: VecDeque<String>,
    /// The codes that expire during the test.
    short: Vec<String>,
    /// All request ids with their number of uses.
    requests: Vec<(String, u32)>,
    /// The number of TempPasses that were used, and those in use.
    used_temp_passes: usize,
    temp_passes: Vec<CurrentTempPass>,
}

struct CurrentTempPass {
    name: String,
    calls: u32,
    unknown: u32,
}

impl Workload {
    /// A workload with this number of TempPasses, named by [`temp_pass`]. When they are used up, clients use only codes.
    pub fn new(temp_passes: usize) -> Self {
        Self { temp_passes, known: Mutex::default() }
    }

    /// The next call of a client.
    pub fn next(&self, random: &mut fastrand::Rng) -> Operation {
        let mut known = self.known.lock().expect("not poisoned");
        match random.u8(..100) {
            0..14 => Operation::CreateCode { request_id: None, body: body(random) },
            14..26 => Operation::CreateCode {
                request_id: Some(known.request_id(random)),
                body: if random.u8(..8) == 0 { Body::Other } else { Body::Lasting },
            },
            26..46 => known.about_code(random),
            _ => match known.temp_pass(self.temp_passes, random) {
                Some(temp_pass) => about_trial(temp_pass, random),
                None => known.about_code(random),
            },
        }
    }

    /// Updates the state with the outcome of a call.
    pub fn update(&self, operation: &Operation, outcome: &Outcome) {
        let mut known = self.known.lock().expect("not poisoned");
        match (operation, outcome) {
            (Operation::CreateCode { body, .. }, Outcome::Ok { out }) => known.add_code(&out.code, *body),
            (Operation::DeleteCode { code }, Outcome::Unknown { .. }) => {
                known.current.retain(|other| other != code);
            }
            (
                Operation::Authorize { temp_pass, .. }
                | Operation::ResetDevice { temp_pass, .. }
                | Operation::ResetKey { temp_pass, .. }
                | Operation::ResetAll { temp_pass },
                Outcome::Unknown { .. },
            ) => {
                let mut current = known.temp_passes.iter_mut();
                if let Some(current) = current.find(|current| current.name == *temp_pass) {
                    current.unknown += 1;
                }
            }
            _ => {}
        }
    }

    /// Reads of all objects that any client knows.
    pub fn reads(&self) -> Vec<Operation> {
        let known = self.known.lock().expect("not poisoned");
        let codes = known.codes.iter().map(|code| Operation::GetCode { code: code.clone() });
        let requests = known.requests.iter().map(|(request_id, _)| Operation::CreateCode {
            request_id: Some(request_id.clone()),
            body: Body::Lasting,
        });
        let identities = (0..known.used_temp_passes * DEVICES * KEYS).map(|index| Operation::GetTrial {
            temp_pass: temp_pass(index / (DEVICES * KEYS)),
            device: format!("d{}", index % DEVICES),
            key: format!("k{}", index / DEVICES % KEYS),
        });
        requests.chain(codes).chain(identities).collect()
    }
}

impl KnownObjects {
    fn request_id(&mut self, random: &mut fastrand::Rng) -> String {
        let in_use = self.requests.len().saturating_sub(REQUESTS);
        let available = self.requests[in_use..].iter_mut().filter(|(_, uses)| *uses < REQUEST_USES);
        let mut available: Vec<_> = available.collect();
        if available.len() == REQUESTS {
            let (request_id, uses) = &mut *available[random.usize(..REQUESTS)];
            *uses += 1;
            return request_id.clone();
        }
        let request_id = Uuid::from_u128(random.u128(..)).to_string();
        self.requests.push((request_id.clone(), 1));
        request_id
    }

    /// A TempPass in use, after replacing those that were used enough; `None` if all are used up.
    fn temp_pass(&mut self, all: usize, random: &mut fastrand::Rng) -> Option<String> {
        self.temp_passes
            .retain(|current| current.calls < TEMP_PASS_CALLS && current.unknown < TEMP_PASS_UNKNOWN);
        while self.temp_passes.len() < TEMP_PASSES && self.used_temp_passes < all {
            let name = temp_pass(self.used_temp_passes);
            self.temp_passes.push(CurrentTempPass { name, calls: 0, unknown: 0 });
            self.used_temp_passes += 1;
        }
        let current = random.choice(&mut self.temp_passes)?;
        current.calls += 1;
        Some(current.name.clone())
    }

    fn about_code(&mut self, random: &mut fastrand::Rng) -> Operation {
        let one_of =
            |codes: &[String], random: &mut fastrand::Rng| codes[random.usize(..codes.len())].clone();
        match random.u8(..10) {
            0 if !self.short.is_empty() => Operation::GetCode { code: one_of(&self.short, random) },
            1..4 if !self.current.is_empty() => {
                Operation::DeleteCode { code: one_of(self.current.make_contiguous(), random) }
            }
            _ if !self.current.is_empty() => {
                Operation::GetCode { code: one_of(self.current.make_contiguous(), random) }
            }
            _ => Operation::CreateCode { request_id: None, body: body(random) },
        }
    }

    fn add_code(&mut self, code: &str, body: Body) {
        if self.codes.iter().any(|known| known == code) {
            return;
        }
        self.codes.push(code.to_owned());
        if body == Body::Short {
            self.short.push(code.to_owned());
        }
        self.current.push_back(code.to_owned());
        if self.current.len() > CODES {
            self.current.pop_front();
        }
    }
}

/// The name of a TempPass.
pub fn temp_pass(index: usize) -> String {
    format!("T{index}")
}

fn body(random: &mut fastrand::Rng) -> Body {
    if random.u8(..4) == 0 { Body::Short } else { Body::Lasting }
}

fn about_trial(temp_pass: String, random: &mut fastrand::Rng) -> Operation {
    let device = format!("d{}", random.usize(..DEVICES));
    let key = format!("k{}", random.usize(..KEYS));
    let app = |random: &mut fastrand::Rng| ["", "", "a", "b"][random.usize(..4)].to_owned();
    match random.u8(..100) {
        0..60 => {
            let resource = format!("r{}", random.usize(..RESOURCES));
            Operation::Authorize { temp_pass, device, key, resource, app: app(random) }
        }
        60..80 => Operation::GetTrial { temp_pass, device, key },
        80..90 => Operation::ResetDevice { temp_pass, device, app: app(random) },
        90..96 => Operation::ResetKey { temp_pass, key },
        _ => Operation::ResetAll { temp_pass },
    }
}
