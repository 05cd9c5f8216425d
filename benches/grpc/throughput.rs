//! Calls a second, latency and processor time for each, beside an echo whose messages have the same sizes.

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

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GrpcCall {
    /// A durable create with a `request_id`, whose answer is kept for a repeat: what a client sends that may call again.
    CreateRepeatable,
    /// A durable create without one.
    Create,
    /// A read of a code that was created before.
    Get,
}

/// The servers, and what they are called with.
pub struct Throughput {
    /// It may be replaced by the next on the same folder.
    pub passbridge: Server,
    echo: Server,
    /// What makes codes, and keeps those that it has made.
    pub create: Arc<Create>,
    repeatable: Arc<Create>,
    create_echo: Arc<EchoWorkload>,
    repeatable_echo: Arc<EchoWorkload>,
    get_echo: Arc<EchoWorkload>,
    sizes: [(usize, usize); 3],
}

impl Comparison for Throughput {
    type Call = GrpcCall;

    const YARDSTICK: &'static str = "echo";

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

    fn warm_up(&self, course: MeasurementPlan) -> Result<()> {
        self.passbridge(GrpcCall::CreateRepeatable, course).map(drop)
    }

    fn passbridge(&self, call: GrpcCall, course: MeasurementPlan) -> Result<Measurement> {
        match call {
            GrpcCall::Create => measure(&self.passbridge, &self.create, course),
            GrpcCall::CreateRepeatable => measure(&self.passbridge, &self.repeatable, course),
            GrpcCall::Get => measure(&self.passbridge, &Arc::new(Get::new(self.create.codes())), course),
        }
    }

    fn yardstick(&self, call: GrpcCall, course: MeasurementPlan) -> Result<Measurement> {
        let workload = match call {
            GrpcCall::Create => &self.create_echo,
            GrpcCall::CreateRepeatable => &self.repeatable_echo,
            GrpcCall::Get => &self.get_echo,
        };
        measure(&self.echo, workload, course)
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
    /// How many codes were made.
    pub fn code_count(&self) -> usize {
        self.create.code_count() + self.repeatable.code_count()
    }

    /// How many of them have a kept answer.
    pub fn repeatable_count(&self) -> usize {
        self.repeatable.code_count()
    }

    /// Calls to a server that is ready, whose codes live for `ttl` seconds; without it, for as long as the server's
    /// default says.
    pub fn of(passbridge: Server, ttl: Option<i64>) -> Result<Self> {
        let echo = Server::yardstick(&GRPC, &["echo"])?;
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
