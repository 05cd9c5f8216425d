//! Calls per second, latency and CPU time per call, compared with a bare server that sends passbridge's responses.

use std::{path::Path, sync::Arc};

use crate::{
    REST,
    bare::Answers,
    recorded::Answer,
    support::{
        Result, Setting,
        comparison::{Case, Comparison},
        load::{self, Workload},
        measurement::{Measurement, MeasurementPlan, measure},
        process::Server,
        report::Target,
    },
    token,
    workload::{Common, Create, REQUESTOR, Read, check_code},
};

/// The number of recent codes: those of half an hour, the default TTL, at 55 creates per second.
const NEWEST: usize = 100_000;

/// The measured call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RestCall {
    /// A durable create.
    Create,
    /// A read of a recent code, because a viewer types a code that the TV has just shown.
    Read,
    /// A read of any code in the store.
    ReadAny,
    /// Like `Read`, in XML.
    ReadXml,
}

/// The servers and the workloads.
pub struct Throughput {
    passbridge: Server,
    bare: Server,
    common: Common,
    create: Arc<Create>,
    /// Creates at the bare server, whose responses always have the same code, which must not be read.
    create_bare: Arc<Create>,
    sizes: [(usize, usize); 3],
}

impl Comparison for Throughput {
    type Call = RestCall;

    const REFERENCE: &'static str = "bare";

    const CASES: &'static [Case<RestCall>] = &[
        case(RestCall::Create, Target::AtMost(3.0)),
        case(RestCall::Read, Target::AtMost(2.0)),
        case(RestCall::ReadAny, Target::None),
        case(RestCall::ReadXml, Target::None),
    ];

    fn start(setting: &Setting, data: &Path) -> Result<Self> {
        let passbridge = Server::passbridge(&setting.server, data, &REST)?;
        passbridge.wait_until_ready()?;
        let token = token::fetch(&setting.server, data, passbridge.address, REQUESTOR)?;
        let common = Common::new(passbridge.address, &token)?;
        let create = Create::new(&common);
        let created = load::once(passbridge.address, &create)?;
        check_code(&created)?;
        create.answered(&created);
        let [read, read_xml] =
            [RestCall::Read, RestCall::ReadXml].map(|call| reading(&common, call, &create));
        let answers =
            [created, load::once(passbridge.address, &read)?, load::once(passbridge.address, &read_xml)?];
        let bare = Server::reference(&REST, &["bare", &serde_json::to_string(&answers_of(&answers)?)?])?;
        let create_bare = Create::new(&common);
        let of_bare = [
            load::once(bare.address, &create_bare)?,
            load::once(bare.address, &read)?,
            load::once(bare.address, &read_xml)?,
        ];
        if of_bare.iter().map(|answer| answer.len()).ne(answers.iter().map(|answer| answer.len())) {
            return Err("the bare server's responses do not have the sizes of passbridge's".into());
        }
        let requests = [create.request_size(), read.request_size(), read_xml.request_size()];
        let sizes = std::array::from_fn(|index| (requests[index], answers[index].len()));
        let (create, create_bare) = (Arc::new(create), Arc::new(create_bare));
        Ok(Self { passbridge, bare, common, create, create_bare, sizes })
    }

    fn warm_up(&self, plan: MeasurementPlan) -> Result<()> {
        self.passbridge(RestCall::Create, plan).map(drop)
    }

    fn passbridge(&self, call: RestCall, plan: MeasurementPlan) -> Result<Measurement> {
        self.measure(&self.passbridge, &self.create, call, plan)
    }

    fn reference(&self, call: RestCall, plan: MeasurementPlan) -> Result<Measurement> {
        self.measure(&self.bare, &self.create_bare, call, plan)
    }

    fn describe(&self) -> String {
        let [create, read, read_xml] = self.sizes.map(|(request, answer)| format!("{request} → {answer}"));
        format!(
            "Requests and answers in bytes, heads included: Create {create}, Read {read}, ReadXml {read_xml}. \
             A connection for each call in flight. Codes in the store at the end: {}.\n",
            self.create.code_count()
        )
    }

    fn end(self) -> Result<()> {
        self.passbridge.terminate()
    }
}

impl Throughput {
    fn measure(
        &self,
        server: &Server,
        create: &Arc<Create>,
        call: RestCall,
        plan: MeasurementPlan,
    ) -> Result<Measurement> {
        match call {
            RestCall::Create => measure(server, create, plan),
            RestCall::Read | RestCall::ReadAny | RestCall::ReadXml => {
                measure(server, &Arc::new(reading(&self.common, call, &self.create)), plan)
            }
        }
    }
}

/// Only CPU time has a target, because its ratio varies less between runs than that of the rate.
const fn case(call: RestCall, cpu: Target) -> Case<RestCall> {
    Case { call, in_flight: 64, throughput: Target::None, p99: Target::None, cpu }
}

/// Reads of created codes.
fn reading(common: &Common, call: RestCall, create: &Create) -> Read {
    let extension = if call == RestCall::ReadXml { ".xml" } else { ".json" };
    let mut codes = create.codes();
    if call != RestCall::ReadAny {
        codes.drain(..codes.len().saturating_sub(NEWEST));
    }
    Read::new(common, extension, codes)
}

fn answers_of([created, read, read_xml]: &[bytes::Bytes; 3]) -> Result<Answers> {
    Ok(Answers { created: Answer::of(created)?, read: Answer::of(read)?, read_xml: Answer::of(read_xml)? })
}
