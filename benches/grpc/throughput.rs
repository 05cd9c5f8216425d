//! Calls a second, latency and processor time for each, beside an echo whose messages have the same sizes.

use std::{path::Path, sync::Arc};

use crate::{
    CONNECTIONS, GRPC,
    support::{
        Result, Setting,
        comparison::{Case, Comparison},
        load::{self, Workload},
        measurement::{Course, Measurement, measure},
        process::Server,
        report::Target,
    },
    workload::{Create, Echo, Get, check_code},
};

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Call {
    /// A durable create.
    Create,
    /// The same with a `request_id`, whose answer is kept for a repeat.
    CreateRepeatable,
    /// A read of a code that was created before.
    Get,
}

/// The servers, and what they are called with.
pub struct Throughput {
    passbridge: Server,
    echo: Server,
    create: Arc<Create>,
    repeatable: Arc<Create>,
    create_echo: Arc<Echo>,
    repeatable_echo: Arc<Echo>,
    get_echo: Arc<Echo>,
    sizes: [(usize, usize); 3],
}

impl Comparison for Throughput {
    type Call = Call;

    const YARDSTICK: &'static str = "echo";

    const CASES: &'static [Case<Call>] = &[
        Case {
            call: Call::Create,
            in_flight: 64,
            throughput: Target::AtLeast(0.45),
            p99: Target::AtMost(3.0),
            cpu: Target::AtMost(2.2),
        },
        Case {
            call: Call::CreateRepeatable,
            in_flight: 64,
            throughput: Target::None,
            p99: Target::None,
            cpu: Target::None,
        },
        Case {
            call: Call::Create,
            in_flight: 256,
            throughput: Target::AtLeast(0.55),
            p99: Target::AtMost(3.0),
            cpu: Target::AtMost(2.2),
        },
        Case {
            call: Call::Get,
            in_flight: 64,
            throughput: Target::AtLeast(0.8),
            p99: Target::None,
            cpu: Target::None,
        },
    ];

    fn start(setting: &Setting, data: &Path) -> Result<Self> {
        let passbridge = Server::passbridge(&setting.server, data, &GRPC)?;
        passbridge.wait_until_ready()?;
        let echo = Server::yardstick(&GRPC, &["echo"])?;
        let (create, repeatable) = (Create::new(None)?, Create::repeatable()?);
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
        let echoes = sizes.map(|(request, answer)| Arc::new(Echo::of_size(request, answer)));
        for (echoing, size) in echoes.iter().zip(sizes) {
            if (echoing.request_size(), load::once(echo.address, &**echoing)?.len()) != size {
                return Err("the echo's messages do not have the sizes of passbridge's".into());
            }
        }
        let [create_echo, repeatable_echo, get_echo] = echoes;
        let (create, repeatable) = (Arc::new(create), Arc::new(repeatable));
        Ok(Self { passbridge, echo, create, repeatable, create_echo, repeatable_echo, get_echo, sizes })
    }

    fn warm_up(&self, course: Course) -> Result<()> {
        self.passbridge(Call::Create, course).map(drop)
    }

    fn passbridge(&self, call: Call, course: Course) -> Result<Measurement> {
        match call {
            Call::Create => measure(&self.passbridge, &self.create, course),
            Call::CreateRepeatable => measure(&self.passbridge, &self.repeatable, course),
            Call::Get => measure(&self.passbridge, &Arc::new(Get::new(self.create.codes())), course),
        }
    }

    fn yardstick(&self, call: Call, course: Course) -> Result<Measurement> {
        let workload = match call {
            Call::Create => &self.create_echo,
            Call::CreateRepeatable => &self.repeatable_echo,
            Call::Get => &self.get_echo,
        };
        measure(&self.echo, workload, course)
    }

    fn describe(&self) -> String {
        let [create, repeatable, get] = self.sizes.map(|(request, answer)| format!("{request} → {answer}"));
        format!(
            "Messages in bytes, the echo's too: Create {create}, CreateRepeatable {repeatable}, Get {get}. \
             {CONNECTIONS} connections. Codes in the store at the end: {}.\n",
            self.create.codes().len() + self.repeatable.codes().len()
        )
    }

    fn end(self) -> Result<()> {
        self.passbridge.terminate()
    }
}
