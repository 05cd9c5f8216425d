//! A mock provider on a thread of the process that started it.

use std::{
    io,
    net::SocketAddr,
    thread::{self, JoinHandle},
};

use tokio::sync::oneshot;

use crate::{Arguments, listen, serve_until};

/// A mock provider that serves until this is dropped, which closes its connections like the end of a process.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    /// Dropped first, which ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Starts a mock provider, which listens when this returns. It does not use standard input and output.
///
/// # Errors
///
/// The address cannot be bound.
pub fn start(arguments: Arguments) -> io::Result<Running> {
    let listener = listen(&arguments)?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let end = async {
        let _ = stopped.await;
    };
    let thread = thread::Builder::new()
        .name("mock-provider".to_owned())
        .spawn(move || serve_until(end, listener, &arguments))?;
    Ok(Running { address, stop: Some(stop), thread: Some(thread) })
}

impl Running {
    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // The test has already seen any failure.
            let _ = thread.join();
        }
    }
}
