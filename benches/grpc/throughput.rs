//! Calls per second, latency and CPU time per call, compared with an echo with messages of the same sizes.

use std::{path::Path, sync::Arc};

use crate::{
    CONNECTIONS, GRPC,
    support::{
        Result, Setting,
        comparison::{Case, Comparison, Variant},
        load::{self, Workload},
        measurement::{Measurement, MeasurementPlan, measure},
        process::Server,
        report::Target,
    },
    workload::{Create, EchoWorkload, Get, check_code},
};

/// The measured call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GrpcCall {
    /// A durable create with a `request_id`, whose response is stored for repeats.
    CreateRepeatable,
    /// A durable create without a `request_id`.
    Create,
    /// A read of an existing code.
    Get,
}

/// The servers and the workloads.
pub struct Throughput {
    /// May be replaced by another server with the same folder.
    pub passbridge: Server,
    echo: Server,
    /// Creates codes and keeps them.
    pub create: Arc<Create>,
    repeatable: Arc<Create>,
    create_echo: Arc<EchoWorkload>,
    repeatable_echo: Arc<EchoWorkload>,
    get_echo: Arc<EchoWorkload>,
    sizes: [(usize, usize); 3],
}

impl Comparison for Throughput {
    type Call = GrpcCall;

    const REFERENCE: &'static str = "echo";

    const CASES: &'static [Case<GrpcCall>] = &[
        create(GrpcCall::CreateRepeatable, 64),
        create(GrpcCall::Create, 64),
        create(GrpcCall::CreateRepeatable, 256),
        create(GrpcCall::Create, 256),
        GET,
    ];

    const VARIANTS: &'static [Variant<GrpcCall>] = &[Variant {
        call: GrpcCall::CreateRepeatable,
        of: GrpcCall::Create,
        throughput: Target::AtLeast(0.9),
        cpu: Target::AtMost(1.1),
    }];

    fn start(setting: &Setting, data: &Path) -> Result<Self> {
        let passbridge = Server::passbridge(&setting.server, data, &GRPC)?;
        passbridge.wait_until_ready()?;
        Self::of(passbridge, None)
    }

    fn warm_up(&self, plan: MeasurementPlan) -> Result<()> {
        self.passbridge(GrpcCall::CreateRepeatable, plan).map(drop)
    }

    fn passbridge(&self, call: GrpcCall, plan: MeasurementPlan) -> Result<Measurement> {
        match call {
            GrpcCall::Create => measure(&self.passbridge, &self.create, plan),
            GrpcCall::CreateRepeatable => measure(&self.passbridge, &self.repeatable, plan),
            GrpcCall::Get => measure(&self.passbridge, &Arc::new(Get::new(self.create.codes())), plan),
        }
    }

    fn reference(&self, call: GrpcCall, plan: MeasurementPlan) -> Result<Measurement> {
        let workload = match call {
            GrpcCall::Create => &self.create_echo,
            GrpcCall::CreateRepeatable => &self.repeatable_echo,
            GrpcCall::Get => &self.get_echo,
        };
        measure(&self.echo, workload, plan)
    }

    fn describe(&self) -> String {
        let [create, repeatable, get] = self.sizes.map(|(request, answer)| format!("{request} → {answer}"));
        format!(
            "Messages in bytes, the echo's too: Create {create}, CreateRepeatable {repeatable}, Get {get}. \
             {CONNECTIONS} connections. Codes in the store at the end: {}.\n",
            self.code_count()
        )
    }

    fn end(self) -> Result<()> {
        self.passbridge.terminate()
    }
}

impl Throughput {
    /// The number of created codes.
    pub fn code_count(&self) -> usize {
        self.create.code_count() + self.repeatable.code_count()
    }

    /// The number of them with a stored response.
    pub fn repeatable_count(&self) -> usize {
        self.repeatable.code_count()
    }

    /// Calls of a ready server, with this TTL in seconds, or the server's default.
    pub fn of(passbridge: Server, ttl: Option<i64>) -> Result<Self> {
        let echo = Server::reference(&GRPC, &["echo"])?;
        let (create, repeatable) = (Create::new(ttl)?, Create::repeatable(ttl)?);
        let created = load::once(passbridge.address, &create)?;
        check_code(&created)?;
        create.answered(&created);
        let created_repeatable = load::once(passbridge.address, &repeatable)?;
        let get = Get::new(create.codes());
        let read = load::once(passbridge.address, &get)?;
        let sizes = [
            (create.request_size(), created.len()),
            (repeatable.request_size(), created_repeatable.len()),
            (get.request_size(), read.len()),
        ];
        let echoes = sizes.map(|(request, answer)| Arc::new(EchoWorkload::of_size(request, answer)));
        for (echoing, size) in echoes.iter().zip(sizes) {
            if (echoing.request_size(), load::once(echo.address, &**echoing)?.len()) != size {
                return Err("the echo's messages do not have the sizes of passbridge's".into());
            }
        }
        let [create_echo, repeatable_echo, get_echo] = echoes;
        let (create, repeatable) = (Arc::new(create), Arc::new(repeatable));
        Ok(Self { passbridge, echo, create, repeatable, create_echo, repeatable_echo, get_echo, sizes })
    }
}

const fn create(call: GrpcCall, in_flight: usize) -> Case<GrpcCall> {
    Case {
        call,
        in_flight,
        throughput: Target::AtLeast(0.6),
        p99: Target::AtMost(3.0),
        cpu: Target::AtMost(1.9),
    }
}

const GET: Case<GrpcCall> = Case {
    call: GrpcCall::Get,
    in_flight: 64,
    throughput: Target::AtLeast(1.0),
    p99: Target::None,
    cpu: Target::None,
};
