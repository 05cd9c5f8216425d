//! A mock of the provider: the REST API that passbridge calls, with state in memory, and a clock and faults that tests control.
//! Tests [`start`] it on a thread of their own process; [`main`] runs it as a program.
//!
//! A call goes through `pipeline`, which applies `fault` and `throttle`, to `route`, and from there to one module per group
//! of operations. `state` holds all state. Tests configure the mock with `control`.
//!
//! Logins work without control calls: `login` serves the provider's and the operator's pages to a browser.

#![forbid(unsafe_code)]

mod answer;
mod attribute;
mod call;
mod call_log;
mod catalog;
mod client;
mod clock;
mod code;
mod configuration;
mod control;
mod decision;
mod device;
mod device_info;
mod effect;
mod endpoint;
mod fault;
mod format;
mod login;
mod logout;
mod mvpd;
mod normalized;
mod owner;
mod partner;
mod passthrough;
mod pipeline;
mod problem;
mod profile;
mod random;
mod rate;
mod record;
mod regcode;
mod registration;
mod request;
mod reset;
mod route;
mod running;
mod serve;
mod session;
mod settings;
mod state;
mod throttle;
mod trial;
mod viewer;
mod xml;

use std::{
    cell::RefCell,
    future::{self, Future},
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    rc::Rc,
};

use clap::{Parser, ValueEnum};
use tokio::{sync::oneshot, task::LocalSet};

pub use crate::running::{Running, start};
use crate::{pipeline::Provider, settings::Settings, state::Mock};

/// A mock of the provider's REST API, for tests and trials.
#[derive(Debug, Parser)]
#[command(name = "mock-provider")]
pub struct Arguments {
    /// The address to listen on; port 0 selects a free port.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The lifetime of access tokens.
    #[arg(long, value_name = "SECONDS", default_value_t = 21_600)]
    token_seconds: u32,
    /// Whether to respond with 429 to a device that exceeds the rate limit.
    #[arg(long, value_name = "SWITCH", default_value = "on")]
    throttle: Switch,
    /// The minimum delay of every response.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    delay_ms: u64,
    /// Whether to record calls for `GET /mock/calls`.
    #[arg(long, value_name = "SWITCH", default_value = "on")]
    record_calls: Switch,
    /// Continue after standard input is closed.
    #[arg(long)]
    detach: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Prints the address and serves until standard input ends, so that the mock does not outlive the process that started it.
///
/// # Errors
///
/// The address cannot be bound.
pub fn main(arguments: &Arguments) -> io::Result<()> {
    let listener = listen(arguments)?;
    let mut output = io::stdout();
    writeln!(output, "listening on {}", listener.local_addr()?)?;
    output.flush()?;
    let end = async {
        if arguments.detach {
            future::pending().await
        }
        input_ended().await;
    };
    serve_until(end, listener, arguments)
}

/// Resolves when standard input ends.
async fn input_ended() {
    let (sender, receiver) = oneshot::channel::<()>();
    // Tokio would also use a thread for it, and requires another feature.
    std::thread::spawn(move || {
        // An error also ends the input.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(sender);
    });
    let _ = receiver.await;
}

fn listen(arguments: &Arguments) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(arguments.listen)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves on this thread until `end` resolves.
fn serve_until(
    end: impl Future<Output = ()>,
    listener: TcpListener,
    arguments: &Arguments,
) -> io::Result<()> {
    let mock = Mock::new(
        arguments.token_seconds,
        arguments.throttle == Switch::On,
        arguments.record_calls == Switch::On,
        Settings { delay_ms: arguments.delay_ms, ..Settings::default() },
    );
    let provider = Provider { mock: Rc::new(RefCell::new(mock)) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::select! {
            () = serve::serve(listener, provider) => {}
            () = end => {}
        }
        Ok(())
    })
}
